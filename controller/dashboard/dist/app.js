"use strict";(()=>{var T,lo,un,me,ln,Pt,co,Ct,uo,dn,cn,Zr,at=Symbol.for("pv"),Vt={},Et=[],ea=/^m(i|n|o|s|text|space)$/,pn=Array.isArray,fn=Et.slice,Ve=Object.assign;function Pe(e){e&&e.parentNode&&e.remove()}function it(e,t,n){var o,a,r,i={},l=arguments.length;for(r in t)r=="key"?o=t[r]:r=="ref"&&typeof e!="function"?a=t[r]:i[r]=t[r];return l>2&&(i.children=l>3?fn.call(arguments,2):n),rt(e,i,o,a,null)}function rt(e,t,n,o,a){var r={type:e,props:t,key:n,ref:o,__k:null,__:null,__b:0,__e:null,__c:null,constructor:at,__v:a||++lo,__i:-1,__u:0};return!a&&T.vnode&&T.vnode(r),r}function Ae(e){return e.children}function Ee(e,t){this.props=e,this.context=t,this.__g=0}function he(e,t){if(t==null)return e.__&&he(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!="function"||e.props.__P?null:he(e)}function ta(e){var t,n=e.__v,o=n.__e,a=[],r=[],i=e.__P;i&&((t=Ve({constructor:at},n)).__v=n.__v+1,T.vnode&&T.vnode(t),mn(i,t,n,e.__n,i.namespaceURI,32&n.__u?[o]:null,a,o||he(n),32&n.__u,r),t.__v=n.__v,t.__.__k[t.__i]=t,vo(a,t,r),n.__=n.__e=null,t.__e!=o&&po(t))}function po(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),po(e)}function io(e){(8&e.__g||(e.__g|=8,me.push(e),Pt++))&&ln==T.debounceRendering||((ln=T.debounceRendering)||queueMicrotask)(fo)}function fo(){try{for(var e,t=1;me.length;)me.length>t&&me.sort(co),e=me.shift(),t=me.length,8&e.__g&&ta(e)}finally{(Pt=me.length)&&(ln||queueMicrotask)(fo)}}function mo(e,t,n,o,a,r,i,l,c,p,d){var h,m,u,g,y,_,S=o.__k||Et,w=t.length;for(c=na(n,t,S,c,w),h=0;h<w;h++)(u=n.__k[h])!=null&&(m=~u.__i&&S[u.__i]||Vt,u.__i=h,_=mn(e,u,m,a,r,i,l,c,p,d),g=u.__e,(m.ref!=u.ref||8&m.__u)&&(m.ref&&hn(m.ref,null,u,m),u.ref&&d.push(u.ref,u.__c||g,u)),y=y||g,4&u.__u?(c=ho(u,c,e,!m.__v),m.__e&&(m.__e=null)):typeof u.type=="function"&&_!==void 0?c=_:g&&(c=g.nextSibling),u.__u&=-21);return n.__e=y,c}function na(e,t,n,o,a){var r,i,l,c,p,d,h,m,u,g=n.length,y=g,_=0,S=0,w=e.__k=Array(a);for(r=0;r<a;r++)(i=t[r])!=null&&typeof i!="boolean"&&typeof i!="function"?(typeof i!="object"||i.constructor===String?i=w[r]=rt(null,i):pn(i)?i=w[r]=rt(Ae,{children:i}):i.constructor===at&&i.__b?i=w[r]=rt(i.type,i.props,i.key,i.ref,i.__v):w[r]=i,c=r+_,i.__=e,i.__b=e.__b+1,l=null,~(p=i.__i=oa(i,n,c,y))&&(y--,(l=n[p])&&(l.__u|=2)),l&&l.__v?(i.__u|=16,p==c-1?_--:p==c+1?_++:p!=c&&(p>c?_--:_++,S=1)):(~p||(a>g?_--:a<g&&_++),typeof i.type!="function"&&(i.__u|=4))):w[r]=null;if(S){for(d=[],h=[],r=0;r<a;r++)if((i=w[r])&&16&i.__u){for(_=0,m=d.length;_<m;)d[u=_+m>>1]<i.__i?_=u+1:m=u;d[_]=i.__i,h[r]=_+1}for(_=d.length;r--;)h[r]&&(h[r]==_?_--:w[r].__u|=4)}if(y)for(r=0;r<g;r++)!(l=n[r])||2&l.__u||(l.__e==o&&(o=he(l)),gn(l,l));return o}function ho(e,t,n,o){var a,r,i,l;if(typeof e.type=="function"){if(e.props.__P)return t;if(a=e.__k)for(r=0;r<a.length;r++)a[r]&&(a[r].__=e,t=ho(a[r],t,n,!1));return t}for(t&&!t.parentNode&&(t=he(e))&&!t.parentNode&&(t=null),i=e.__e,l=t;l&&l.nodeType==8;)l=l.nextSibling;for(i!=l&&(!o&&n.moveBefore&&i.parentNode?n.moveBefore(i,t):n.insertBefore(i,t||null)),t=i;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function oa(e,t,n,o){var a,r=e.key,i=e.type,l=t[n],c=l&&!(2&l.__u);if(l===null&&r==null||c&&r==l.key&&i==l.type)return n;if(o>(c?1:0)){for(a=n-1;a>=0;a--)if((l=t[a])&&!(2&l.__u)&&r==l.key&&i==l.type)return a;for(a=n+1;a<t.length;a++)if((l=t[a])&&!(2&l.__u)&&r==l.key&&i==l.type)return a}return-1}function so(e,t,n){n==null&&(n=""),t[0]=="-"?e.setProperty(t,n):e[t]=n}function Nt(e,t,n,o,a){var r,i;if(t=="style")if(typeof n=="string")e.style.cssText=n;else{if(typeof o=="string"&&(e.style.cssText=o=""),o)for(t in o)n&&t in n||so(e.style,t);if(n)for(t in n)o&&n[t]==o[t]||so(e.style,t,n[t])}else if(t[0]=="o"&&t[1]=="n")typeof n!="function"&&(n=null),typeof o!="function"&&(o=null),(e.__e||(e.__e={}))[t]=n,n&&o||(i=cn[t]||(cn[t]=ra(t)),(e.__a||(e.__a={}))[t]=dn,r=t!=(t=t.replace(uo,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),n?e.addEventListener(t,i,r):e.removeEventListener(t,i,r));else{if(a=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&n==1?"":n)}}function ra(e){return function(t){var n=this.__e;if(n){if(n=n[e],t[Ct]==null)t[Ct]=dn++;else if(t[Ct]<this.__a[e])return;return n(T.event?T.event(t):t)}}}function mn(e,t,n,o,a,r,i,l,c,p){var d,h,m,u,g,y,_,S,w,M,C,nt,ot,Ne,Ce,ao,fe,Me,ae=t.type;if(t.constructor!==at)return null;128&n.__u&&(c=32&n.__u,d=n.__c.__z)&&(t.__u|=c,h=r=[],d.nodeType==8?l=Mt(d,r):r.push(d),l=r[0]||l),(d=T.__b)&&d(t);e:if(typeof ae=="function"){m=i.length;try{if(S=t.props,w=(d=ae.prototype)&&d.render,M=(d=ae.contextType)&&o[d.__c],C=d?M?M.props.value:d.__:o,(u=n.__c)?(t.__c=u,2&u.__g&&(u.__g|=1)):(w?t.__c=u=new ae(S,C):(t.__c=u=new Ee(S,C),u.constructor=ae,u.render=ia),M&&M.sub(u),u.state||(u.state={}),u.__n=o,u.__g|=8,u.__h=[],u.__k=[]),w&&(u.__s||(u.__s=u.state),ae.getDerivedStateFromProps&&(u.__s==u.state&&(u.__s=Ve({},u.__s)),Ve(u.__s,ae.getDerivedStateFromProps(S,u.__s)))),g=u.props,y=u.state,u.__v=t,n.__c){if(S!==g&&w&&!ae.getDerivedStateFromProps&&u.componentWillReceiveProps&&u.componentWillReceiveProps(S,C),t.__v==n.__v&&!(8&u.__g)||!(4&u.__g)&&u.shouldComponentUpdate&&u.shouldComponentUpdate(S,u.__s,C)===!1){t.__v!=n.__v&&(u.props=S,u.state=u.__s,u.__g&=-9),t.__e=n.__e,t.__k=n.__k,t.__k.some(function(K){K&&(K.__=t)}),Et.push.apply(u.__h,u.__k),u.__k=[],u.__h.length&&i.push(u),l=he(n);break e}u.componentWillUpdate&&u.componentWillUpdate(S,u.__s,C),w&&u.componentDidUpdate&&u.__h.push(function(){u.componentDidUpdate(g,y,_)})}else w&&!ae.getDerivedStateFromProps&&u.componentWillMount&&u.componentWillMount(),w&&u.componentDidMount&&u.__h.push(u.componentDidMount);u.context=C,u.props=S,u.__P=e,u.__g&=-5,nt=T.__r,ot=w?25:0;do u.__g&=-9,nt&&nt(t),d=u.render(u.props,u.state=u.__s,u.context);while(8&u.__g&&++ot<25);w&&(Et.push.apply(u.__h,u.__k),u.__k=[]),u.state=u.__s,u.getChildContext&&(o=Ve({},o,u.getChildContext())),w&&n.__c&&u.getSnapshotBeforeUpdate&&(_=u.getSnapshotBeforeUpdate(g,y)),Ne=d&&d.type===Ae&&d.key==null?d.props.children:d,S.__P&&(d=l,a=(e=S.__P).namespaceURI,c=r=null,n.props&&n.props.__P!=e&&(n.__k.some(function(K){K&&gn(K,K)}),n.__k=null),l=n.__k?he(n,0):null),l=mo(e,pn(Ne)?Ne:[Ne],t,n,o,a,r,i,l,c,p),S.__P&&(t.__e=null,l=d),t.__u&=-161,h&&h.some(Pe),u.__h.length&&i.push(u),1&u.__g&&(u.__g&=-4)}catch(K){if(i.length=m,t.__v=null,c||r)if(K&&K.then){if(t.__u|=128|c,r){for(~(fe=r.indexOf(l||void 0))||(fe=r.length);(Me=r[fe-1])&&Me.nodeType==8;)fe--;for(;fe<r.length;fe++)if(Me=r[fe])if(r[fe]=null,Ce){if(Me==ao)break}else{if(Me.nodeType!=8)break;Me.data.startsWith("$s")&&(ao=Mt(Ce=Me))}}if(!Ce){for(;l&&l.nodeType==8&&l.nextSibling;)l=l.nextSibling;Ce=l}(d=Mt(Ce=t.__c.__z||(t.__c.__z=Ce)))?(t.__e=Ce,l=d):t.__e=l,l=l&&l.nextSibling}else r&&r.some(Pe);else t.__e=n.__e;t.__k||(t.__k=n.__k||[]),K&&K.then||go(t),T.__e(K,t,n)}}else l=t.__e=aa(n.__e,t,n,o,a,r,i,c,p,e);return(d=T.diffed)&&d(t),l}function Mt(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))n++;else if(e.data.startsWith("/$s")&&!--n)return e}t&&t.push(e)}}function go(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(go))}function vo(e,t,n){for(var o=0;o<n.length;)hn(n[o++],n[o++],n[o++]);T.__c&&T.__c(t,e),e.some(function(a){try{e=a.__h,a.__h=[],e.some(function(r){r.call(a)})}catch(r){T.__e(r,a.__v)}})}function aa(e,t,n,o,a,r,i,l,c,p){var d,h,m,u,g,y,_,S,w=n.props||Vt,M=t.props,C=t.type;if(C=="svg"?a="http://www.w3.org/2000/svg":C=="math"?a="http://www.w3.org/1998/Math/MathML":a||(a="http://www.w3.org/1999/xhtml"),r){for(d=0;d<r.length;d++)if((g=r[d])&&(C?g.localName==C:g.nodeType==3)){e=g,r[d]=null;break}}if(!e){if(S=p.ownerDocument||document,!C)return S.createTextNode(M);e=S.createElementNS(a,C,M.is?M:p),l&&(T.__m&&T.__m(t,r),l=!1),r=null}if(C){if(p=C=="template"&&e.content||e,r=C=="textarea"&&M.defaultValue!=null?null:r&&fn.call(p.childNodes),!l&&r)for(w={},d=0;d<e.attributes.length;d++)w[(g=e.attributes[d]).name]=g.value;for(d in w)g=w[d],d=="dangerouslySetInnerHTML"?m=g:d=="children"||d in M||d=="value"&&"defaultValue"in M||d=="checked"&&"defaultChecked"in M||Nt(e,d,null,g,a);for(d in M)g=M[d],d=="children"?u=g:d=="dangerouslySetInnerHTML"?h=g:d=="value"?y=g:d=="checked"?_=g:l&&typeof g!="function"||w[d]===g||Nt(e,d,g,w[d],a);h?(l||m&&(h.__html==m.__html||h.__html==e.innerHTML)||(e.innerHTML=h.__html),t.__k=[]):(m&&(e.textContent=""),(C=="foreignObject"||a=="http://www.w3.org/1998/Math/MathML"&&ea.test(C))&&(a="http://www.w3.org/1999/xhtml"),mo(p,pn(u)?u:[u],t,n,o,a,r,i,r?r[0]:n.__k&&he(n,0),l,c),r&&r.some(Pe)),l&&C!="textarea"||(d="value",C=="progress"&&y==null?e.removeAttribute(d):y==null||y===e[d]&&(C!="progress"||y)||Nt(e,d,y,w[d],a),d="checked",_!=null&&_!=e[d]&&Nt(e,d,_,w[d],a))}else w===M||l&&e.data==M||(e.data=M);return e}function hn(e,t,n,o){try{typeof e=="function"?t?t.__x=e(t)||1:o&&(o=o.__c||o.__e)&&(t=o.__x)&&(o.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(a){T.__e(a,n)}}function gn(e,t,n){var o,a,r,i;if(T.unmount&&T.unmount(e),!(o=e.ref)||o.current&&o.current!=e.__e||hn(o,null,t,e),o=e.__c){if(o.componentWillUnmount)try{o.componentWillUnmount()}catch(l){T.__e(l,t)}o.__P=o.__n=null}if(o=e.__k)for(i=0;i<o.length;i++)o[i]&&gn(o[i],t,typeof e.type!="function"||n&&!e.props.__P);!n&&(o=e.__c)&&(o=o.__z)&&(a=Mt(o,r=[]))&&(o==e.__e&&r.some(Pe),Pe(a),Pe(o)),n||Pe(e.__e),e.__e=e.__c=e.__=null}function ia(e,t,n){return this.constructor(e,n)}function vn(e,t){var n,o,a,r;T.__&&T.__(e,t),t.nodeType==9&&(t=t.documentElement),o=(n=e&&32&e.__u)?null:t.__k,t.__k=rt(Ae,{children:[e]}),a=[],r=[],mn(t,t.__k,o||Vt,Vt,t.namespaceURI,o?null:t.firstChild?fn.call(t.childNodes):null,a,o?o.__e:t.firstChild,n,r),vo(a,t.__k,r),t.__k.props.children=null}T={__e:function(e,t,n,o){for(var a,r,i;t=t.__;)if((a=t.__c)&&!(1&a.__g)){a.__g|=4;try{if((i=(r=a.constructor)&&r.getDerivedStateFromError)&&a.setState(r.getDerivedStateFromError(e)),a.componentDidCatch&&(a.componentDidCatch(e,o||{}),i=1),i&&8&a.__g)return void(a.__g|=2)}catch(l){e=l}}throw Pt=0,e}},lo=0,un=function(e){return e!=null&&e.constructor===at},Ee.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=Ve({},this.state)),typeof e=="function"&&(e=e(Ve({},n),this.props)),e&&(Ve(n,e),this.__v&&(t&&this.__k.push(t),io(this)))},Ee.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),io(this))},Ee.prototype.render=Ae,me=[],Pt=0,co=function(e,t){return e.__v.__b-t.__v.__b},Ct=Symbol(),uo=/(PointerCapture)$|Capture$/i,dn=0,cn={},Zr=0;var lt,O,bn,bo,_n=Object.is,At=0,No=[],wn=[],D=T,_o=D.__b,wo=D.__r,yo=D.diffed,$o=D.__c,ko=D.unmount,xo=D.__;function $n(e,t){D.__h&&D.__h(O,e,At||t),At=0;var n=O.__H||(O.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function ct(e){return At=1,sa(Mo,e)}function sa(e,t,n){var o=$n(lt++,2);if(o.t=e,!o.__c&&(o.__=[n?n(t):Mo(void 0,t),function(r){var i=(o.__N||o.__)[0],l=o.t(i,r);_n(i,l)||(o.__N=[l,o.__[1]],o.__c.setState({}))}],o.__c=O,!O.__f)){O.__f=!0;var a=O.shouldComponentUpdate;O.shouldComponentUpdate=function(r,i,l){var c=this.__H;if(!c)return!0;var p=!1,d=this.props!=r;if(c.__.some(function(m){m.__N&&(p=!0,_n(m.__[0],m.__N[0])||(d=!0))}),a){var h=a.call(this,r,i,l);return p?h||d:h}return!p||d}}return o.__}function Z(e,t){var n=$n(lt++,3);!D.__s&&Co(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,O.__H.__h.push(n))}function te(e){return At=5,Dt(function(){return{current:e}},[])}function Dt(e,t){var n=$n(lt++,7);return Co(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function la(){var e;do{for(;e=wn.shift();)try{st(e)}catch(n){D.__e(n,{__:(e=e.__P)&&e.__v})}for(;e=No.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(st),t.__h.some(yn),t.__h=[]}catch(n){t.__h=[],D.__e(n,e.__v)}}}while(wn.length)}D.__b=function(e){O=null,_o&&_o(e)},D.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),xo&&xo(e,t)},D.__r=function(e){wo&&wo(e),lt=0;var t=(O=e.__c).__H;t&&(bn==O?O.__h=[]:(t.__h.some(st),t.__h.some(yn),lt=0),t.__h=[],t.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),bn=O},D.diffed=function(e){yo&&yo(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&To(No.push(t)),t.__H.__.some(function(n){n.u&&(n.__H=n.u)})),bn=O=null},D.__c=function(e,t){t.some(function(n){try{n.__h.some(st),n.__h=n.__h.filter(function(o){return!o.__||yn(o)})}catch(o){n.__h=[function(){throw o}]}}),$o&&$o(e,t)},D.unmount=function(e){ko&&ko(e);var t,n,o=e.__c;o&&o.__H&&(o.__H.__.some(function(a){try{if(a.__P&&a.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}a.__P=n,To(wn.push(a))}else st(a)}catch(r){t=r}}),o.__H=void 0,t&&D.__e(t,o.__v))};var So=typeof requestAnimationFrame=="function";function ca(e){var t,n=function(){clearTimeout(o),So&&cancelAnimationFrame(t),setTimeout(e)},o=setTimeout(n,35);So&&(t=requestAnimationFrame(n))}function To(e){e!=1&&bo==D.requestAnimationFrame||((bo=D.requestAnimationFrame)||ca)(la)}function st(e){var t=O,n=e.__c;typeof n=="function"&&(e.__c=void 0,n()),O=t}function yn(e){var t=O;e.__c=e.__(),O=t}function Co(e,t){return!e||e.length!=t.length||t.some(function(n,o){return!_n(n,e[o])})}function Mo(e,t){return typeof t=="function"?t(e):t}var ua=Symbol.for("preact-signals");function It(){if(ie>1)ie--;else{var e,t=!1;for((function(){var a=Rt;for(Rt=void 0;a!==void 0;){var r=a.S;if(r.v===a.v)for(var i=r.t;i!==void 0;i=i.x)i.i===a.i&&(i.i=r.i);a=a.o}})();dt!==void 0;){var n=dt;for(dt=void 0,Ot++;n!==void 0;){var o=n.u;if(n.u=void 0,n.f&=-3,!(8&n.f)&&Vo(n))try{n.c()}catch(a){t||(e=a,t=!0)}n=o}}if(Ot=0,ie--,t)throw e}}function xn(e){if(ie>0)return e();kn=++da,ie++;try{return e()}finally{It()}}var ut,P=void 0;function pt(e){var t=P,n=ut;P=void 0,ut=void 0;try{return e()}finally{P=t,ut=n}}var dt=void 0,ie=0,Ot=0,da=0,kn=0,Rt=void 0,Lt=0;function Po(e){if(P!==void 0){var t=e.n;if(t===void 0||t.t!==P)return t={i:0,S:e,p:P.s,n:void 0,t:P,e:void 0,x:void 0,r:t},P.s!==void 0&&(P.s.n=t),P.s=t,e.n=t,32&P.f&&e.S(t),t;if(t.i===-1)return t.i=0,t.n!==void 0&&(t.n.p=t.p,t.p!==void 0&&(t.p.n=t.n),t.p=P.s,t.n=void 0,P.s.n=t,P.s=t),t}}function R(e,t){this.v=e,this.i=0,this.n=void 0,this.t=void 0,this.l=0,this.W=t?.watched,this.Z=t?.unwatched,this.name=t?.name}R.prototype.brand=ua;R.prototype.h=function(){return!0};R.prototype.S=function(e){var t=this,n=this.t;n!==e&&e.e===void 0&&(e.x=n,this.t=e,n!==void 0?n.e=e:pt(function(){var o;(o=t.W)==null||o.call(t)}))};R.prototype.U=function(e){var t=this;if(this.t!==void 0){var n=e.e,o=e.x;n!==void 0&&(n.x=o,e.e=void 0),o!==void 0&&(o.e=n,e.x=void 0),e===this.t&&(this.t=o,o===void 0&&pt(function(){var a;(a=t.Z)==null||a.call(t)}))}};R.prototype.subscribe=function(e){var t=this;return z(function(){var n=t.value;pt(function(){return e(n)})},{name:"sub"})};R.prototype.valueOf=function(){return this.value};R.prototype.toString=function(){return this.value+""};R.prototype.toJSON=function(){return this.value};R.prototype.peek=function(){var e=this;return pt(function(){return e.value})};Object.defineProperty(R.prototype,"value",{get:function(){var e=Po(this);return e!==void 0&&(e.i=this.i),this.v},set:function(e){if(e!==this.v){if(Ot>100)throw new Error("Cycle detected");(function(n){ie!==0&&Ot===0&&n.l!==kn&&(n.l=kn,Rt={S:n,v:n.v,i:n.i,o:Rt})})(this),this.v=e,this.i++,Lt++,ie++;try{for(var t=this.t;t!==void 0;t=t.x)t.t.N()}finally{It()}}}});function b(e,t){return new R(e,t)}function Vo(e){for(var t=e.s;t!==void 0;t=t.n)if(t.S.i!==t.i||!t.S.h()||t.S.i!==t.i)return!0;return!1}function Eo(e){for(var t=e.s;t!==void 0;t=t.n){var n=t.S.n;if(n!==void 0&&(t.r=n),t.S.n=t,t.i=-1,t.n===void 0){e.s=t;break}}}function Ao(e){for(var t=e.s,n=void 0;t!==void 0;){var o=t.p;t.i===-1?(t.S.U(t),o!==void 0&&(o.n=t.n),t.n!==void 0&&(t.n.p=o)):n=t,t.S.n=t.r,t.r!==void 0&&(t.r=void 0),t=o}e.s=n}function De(e,t){R.call(this,void 0,t),this.x=e,this.s=void 0,this.g=Lt-1,this.f=4}De.prototype=new R;De.prototype.h=function(){if(this.f&=-3,1&this.f)return!1;if((36&this.f)==32||(this.f&=-5,this.g===Lt))return!0;if(this.g=Lt,this.f|=1,this.i>0&&!Vo(this))return this.f&=-2,!0;var e=P;try{Eo(this),P=this;var t=this.x();(16&this.f||this.v!==t||this.i===0)&&(this.v=t,this.f&=-17,this.i++)}catch(n){this.v=n,this.f|=16,this.i++}return P=e,Ao(this),this.f&=-2,!0};De.prototype.S=function(e){if(this.t===void 0){this.f|=36;for(var t=this.s;t!==void 0;t=t.n)t.S.S(t)}R.prototype.S.call(this,e)};De.prototype.U=function(e){if(this.t!==void 0&&(R.prototype.U.call(this,e),this.t===void 0)){this.f&=-33;for(var t=this.s;t!==void 0;t=t.n)t.S.U(t)}};De.prototype.N=function(){if(!(2&this.f)){this.f|=6;for(var e=this.t;e!==void 0;e=e.x)e.t.N()}};Object.defineProperty(De.prototype,"value",{get:function(){if(1&this.f)throw new Error("Cycle detected");var e=Po(this);if(this.h(),e!==void 0&&(e.i=this.i),16&this.f)throw this.v;return this.v}});function L(e,t){return new De(e,t)}function Do(e){var t=e.j;if(e.j=void 0,typeof t=="function"){ie++;var n=P;P=void 0;try{t()}catch(o){throw e.f&=-2,e.f|=8,Sn(e),o}finally{P=n,It()}}}function Sn(e){for(var t=e.s;t!==void 0;t=t.n)t.S.U(t);e.x=void 0,e.s=void 0,Do(e)}function pa(e){if(P!==this)throw new Error("Out-of-order effect");Ao(this),P=e,this.f&=-2;try{8&this.f&&Sn(this)}finally{It()}}function je(e,t){this.x=e,this.j=void 0,this.s=void 0,this.u=void 0,this.f=32,this.name=t?.name,ut&&ut.push(this)}je.prototype.c=function(){var e=this.S();try{if(8&this.f||this.x===void 0)return;var t=this.x();typeof t=="function"&&(this.j=t)}finally{e()}};je.prototype.S=function(){if(1&this.f)throw new Error("Cycle detected");this.f|=1,this.f&=-9,Do(this),Eo(this),ie++;var e=P;return P=this,pa.bind(this,e)};je.prototype.N=function(){2&this.f||(this.f|=2,this.u=dt,dt=this)};je.prototype.d=function(){this.f|=8,1&this.f||Sn(this)};je.prototype.dispose=function(){this.d()};function z(e,t){var n=new je(e,t);try{n.c()}catch(a){throw n.d(),a}var o=n.d.bind(n);return o[Symbol.dispose]=o,o}var Oo,Wt,Ht,fa=typeof window<"u"&&!!window.__PREACT_SIGNALS_DEVTOOLS__;var Ro=[];z(function(){Oo=this.N})();function ze(e,t){T[e]=t.bind(null,T[e]||function(){})}function ft(e){if(Ht){var t=Ht;Ht=void 0,t()}Ht=e&&e.S()}function Lo(e){var t=this,n=e.data,o=ha(n);o.name="ReactiveDom",o.value=n;var a=Dt(function(){for(var l=t,c=t.__v;c=c.__;)if(c.__c){c.__c.__$f|=4;break}var p=L(function(){var u=o.value.value;return u===0?0:u===!0?"":u||""}),d=L(function(){return!Array.isArray(p.value)&&!un(p.value)}),h=z(function(){if(this.N=Io,d.value){var u=p.value;l.__v&&l.__v.__e&&l.__v.__e.nodeType===3&&(l.__v.__e.data=u)}}),m=t.__$u.d;return t.__$u.d=function(){h(),m.call(this)},[d,p]},[]),r=a[0],i=a[1];return r.value?i.peek():i.value}Lo.displayName="ReactiveTextNode";Object.defineProperties(R.prototype,{constructor:{configurable:!0,value:it(Ae,null).constructor},type:{configurable:!0,value:Lo},props:{configurable:!0,get:function(){var e=this;return{data:{get value(){return e.value}}}}},__b:{configurable:!0,value:1}});ze("__b",function(e,t){if(ft(),Wt=void 0,typeof t.type=="string"){var n,o=t.props;for(var a in o)if(a!=="children"){var r=o[a];r instanceof R&&(n||(t.__np=n={}),n[a]=r,o[a]=r.peek())}}e(t)});ze("__r",function(e,t){if(e(t),t.type!==Ae){ft();var n,o=t.__c;o&&(o.__$f&=-2,(n=o.__$u)===void 0&&(o.__$u=n=(function(a,r){var i;return z(function(){i=this},{name:r}),i.c=a,i})((function(a){return function(){var r;fa&&((r=this.y)==null||r.call(this)),a.__$f|=1,a.setState({})}})(o),typeof t.type=="function"?t.type.displayName||t.type.name:""))),Wt=o,ft(n)}});ze("__e",function(e,t,n,o){ft(),Wt=void 0,e(t,n,o)});ze("diffed",function(e,t){ft(),Wt=void 0;var n;if(typeof t.type=="string"&&(n=t.__e)){var o=t.__np,a=t.props,r=n.U;if(r)for(var i in r){var l=r[i];l===void 0||o&&i in o||(l.d(),r[i]=void 0)}if(o){r||(r={},n.U=r);for(var c in o){var p=r[c],d=o[c];p===void 0?(p=ma(n,c,d,a),r[c]=p):p.o(d,a)}}}e(t)});function ma(e,t,n,o){var a=t in e&&e.ownerSVGElement===void 0,r=b(n);return{o:function(i,l){r.value=i,o=l},d:z(function(){this.N=Io;var i=r.value.value;o[t]!==i&&(o[t]=i,a?e[t]=i:i!=null&&(i!==!1||t[4]==="-")?e.setAttribute(t,i):e.removeAttribute(t))})}}ze("unmount",function(e,t){if(typeof t.type=="string"){var n=t.__e;if(n){var o=n.U;if(o){n.U=void 0;for(var a in o){var r=o[a];r&&r.d()}}}var i=t.__np;if(i){var l=t.props;for(var c in i)l[c]=i[c]}t.__np=void 0}else{var p=t.__c;if(p){p.__$f|=8;var d=p.__$u;d&&(p.__$u=void 0,d.d())}}e(t)});ze("__h",function(e,t,n,o){o<3&&(t.__$f|=2),e(t,n,o)});Ee.prototype.shouldComponentUpdate=function(e,t){if(this.__R)return!0;var n=this.__$u,o=n&&n.s!==void 0;for(var a in t)return!0;if(this.__f||typeof this.u=="boolean"&&this.u===!0){var r=2&this.__$f;if(!(o||r||4&this.__$f)||1&this.__$f)return!0}else if(!(o||4&this.__$f)||3&this.__$f)return!0;for(var i in e)if(i!=="__source"&&e[i]!==this.props[i])return!0;for(var l in this.props)if(!(l in e))return!0;return!1};function ha(e,t){return Dt(function(){return b(e,t)},[])}var ga=function(e){queueMicrotask(function(){queueMicrotask(e)})};function va(){xn(function(){for(var e;e=Ro.shift();)Oo.call(e)})}function Io(){Ro.push(this)===1&&(T.requestAnimationFrame||ga)(va)}var Be={"on-time":"On time","at-risk":"At risk",late:"Late",holding:"Holding",unknown:"Unknown"};function Oe(e){let{backlog:t,oldest_age_seconds:n,drain_within_seconds:o}=e;if(n!==null&&n>o)return"late";if(t===null)return"unknown";if(e.hold)return"holding";let a=Tn(e);return e.late_jobs>0||a.kind==="over"||a.kind==="never"?"at-risk":a.kind==="unknown"?"unknown":"on-time"}function Tn(e){let{drain_eta_seconds:t,drain_within_seconds:n,backlog:o}=e;return t===null?{kind:o!==null&&e.partitions_known===e.partitions&&e.arrival_rate!==null?"never":"unknown"}:o===0?{kind:"clear"}:t>n?{kind:"over",seconds:t,over:t-n}:{kind:"within",seconds:t,spare:n-t}}var se=.75;function Ho(e,t){if(e.kind!=="within"&&e.kind!=="over")return{done:0,over:0,isCut:!1};let n=e.seconds/t*se;return{done:Math.min(n,se),over:Math.max(0,Math.min(n,1)-se),isCut:n>1}}function Ft(e){let t={base:0,burst:0,booting:0,max:0};for(let n of e)t[n.kind]+=n.ready+n.draining,t.booting+=n.booting,t.max+=n.max;return t}function mt(e,t){switch(t){case"action":return e.actions.length>0;case"hold":return e.hold!==null;case"trouble":return e.reasons.some(n=>n.trouble)}}var ba=["BaseLowered","BaseAboveMax"];function _a({verb:e,code:t}){return e==="ScaleBase"?!ba.includes(t):e==="Launch"||e==="Adopt"}function jt(e){return mt(e,"action")?e.actions.some(_a)?"grow":"shrink":e.hold?"hold":mt(e,"trouble")?"trouble":"note"}var Nn=5;function Cn(e,t){return e<=0||t<=0?0:Math.max(1,Math.ceil(Math.min(1,e/t)*Nn))}var ne=class extends Error{constructor(n,o,a){super(n);this.status=o;this.problem=a}status;problem},wa={"content-type":"application/json","x-spillway-request":"1"};async function Wo(e,t){let n;try{n=await fetch(`api/v1/${e}`,t)}catch(o){throw t.signal?.aborted?o:new ne("the controller does not answer",0,{})}if(!n.ok){let o=await n.json().catch(()=>({}));throw new ne(o.detail??`the controller answered ${n.status}`,n.status,o)}return n.status===204?null:await n.json()}function le(e,t){return Wo(e,{headers:{accept:"application/json"},...t?{signal:t}:{}})}function ht(e,t,n="POST"){return Wo(e,{method:n,headers:wa,body:JSON.stringify(t)})}function ge(e,t,n){return ht(`policies/${encodeURIComponent(e)}/${t}`,n)}function ve(e){return e instanceof Error?e.message:String(e)}var E="unknown",zt=new Intl.NumberFormat("en-US",{maximumFractionDigits:0}),En=new Intl.NumberFormat("en-US",{minimumFractionDigits:1,maximumFractionDigits:1}),ya=new Intl.NumberFormat("en-US",{minimumFractionDigits:2,maximumFractionDigits:2});function G(e){return e!=null&&Number.isFinite(e)}function f(e){return G(e)?zt.format(e):E}function be(e){if(!G(e))return E;let t=Math.abs(e);for(let[n,o]of[[1e9,"G"],[1e6,"M"],[1e3,"k"]])if(t>=n*.99995){let a=e/n,r=Math.abs(a)<9.95?1:0;return`${a.toFixed(r).replace(/\.0$/,"")}${o}`}return Number.isInteger(e)?String(e):En.format(e).replace(/\.0$/,"")}function A(e){return G(e)?`${Math.abs(e)<99.95?En.format(e):zt.format(e)}/s`:E}var Pn=86400,Vn=3600,Ue=60;function v(e){if(!G(e))return E;if(e<0)return`−${v(-e)}`;let t=Math.round(e);if(t<Ue)return`${t}s`;if(t<Vn)return Mn(Math.floor(t/Ue),"m",t%Ue,"s");let n=Math.round(t/Ue);if(t<Pn&&n<Pn/Ue)return Mn(Math.floor(n/60),"h",n%60,"m");let o=Math.round(t/Vn);return Mn(Math.floor(o/24),"d",o%24,"h")}function Mn(e,t,n,o){return n===0?`${e}${t}`:`${e}${t} ${n}${o}`}function $(e){return G(e)?e<0?`−${$(-e)}`:e>0&&e<5e-5?"<$0.0001":e>0&&e<.09995?`$${e.toFixed(4)}`:`$${ya.format(e)}`:E}function H(e){return G(e)?`${$(e)}/h`:E}function q(e){return G(e)?`${zt.format(e*100)}%`:E}function An(e){if(!G(e))return E;for(let[t,n]of[[1e9,"GB"],[1e6,"MB"],[1e3,"kB"]])if(e>=t)return`${En.format(e/t)} ${n}`;return`${zt.format(e)} B`}function ce(e,t){return`${f(e)} ${t}${e===1?"":"s"}`}function N(e){let t=Date.parse(e.replace(/(\.\d{3})\d+/,"$1"));return Number.isNaN(t)?null:t/1e3}var $a=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"}),ka=new Intl.DateTimeFormat("en-GB",{year:"numeric",month:"short",day:"numeric",hour:"2-digit",minute:"2-digit",second:"2-digit",timeZoneName:"short"});function V(e){return G(e)?$a.format(e*1e3):E}function _e(e,t){let[n,o]=[N(e),t===void 0?null:N(t)];return n===null||o===null?null:Math.abs(n-o)}function Bt(e){return G(e)&&e<1.5?"now":G(e)?`${v(e)} ago`:E}function Ge(e){return G(e)?ka.format(e*1e3):E}var xa=new Intl.DateTimeFormat("en-GB",{weekday:"short",day:"numeric",month:"short"});function we(e){return G(e)?xa.format(e*1e3):E}function Sa(e){return e.replace(/_(seconds|per_hour)$/,(t,n)=>n==="per_hour"?" now":"").replaceAll("_"," ")}function Ta(e,t){return e==="drain_eta_seconds"&&t===null?"never or unknown":t==null?E:typeof t=="boolean"?t?"yes":"no":typeof t=="string"?Na(t)??t:typeof t!="number"?JSON.stringify(t):e.endsWith("_seconds")?v(t):e.endsWith("_per_hour")?H(t):/(^|_)(cost|dollars|budget|price|spent)(_|$)/.test(e)?$(t):/(^|_)rate(_|$)/.test(e)?A(t):e.endsWith("_ratio")?q(t):Number.isInteger(t)?f(t):String(Number(t.toPrecision(4)))}function Na(e){let t=/^(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/i.exec(e);if(!t||e.length<3)return null;let[,n,o=0,a=0,r=0,i=0]=t,l=Number(o)*Pn+Number(a)*Vn+Number(r)*Ue+Number(i);return v(n?-l:l)}function Dn(e,t=[]){return Object.entries(e).flatMap(([n,o])=>{let a=[...t,Sa(n)];return o!==null&&typeof o=="object"?Dn(o,a):[[a.join(" › "),Ta(n,o)]]})}var gt=["backlog","oldest_age_seconds","drain_eta_seconds","arrival_rate","service_rate","base","burst","booting","desired","cost_per_hour","burst_cost_per_hour"],Ma=["backlog","oldest_age_seconds","drain_eta_seconds"],Ke=class e{constructor(t=1,n=3600){this.step=t;this.span=n}step;span;at=[];columns=Object.fromEntries(gt.map(t=>[t,[]]));marks=[];#e=-1/0;static of(t,n,o){let a=new e(t.step_seconds,o),{at:r,series:i,pools:l}=t;a.at.push(...r),a.#e=r.at(-1)??-1/0;let{columns:c}=a;for(let d of gt)d in i&&(c[d]=i[d].slice());let p=(d,...h)=>{let m=Object.entries(l).filter(([u])=>d(n.get(u)??"burst")).flatMap(([,u])=>h.map(g=>u[g]));return r.map((u,g)=>m.reduce((y,_)=>Pa(y,_[g]),null))};return c.base=p(d=>d==="base","ready","draining"),c.burst=p(d=>d!=="base","ready","draining"),c.booting=p(()=>!0,"booting"),c.desired=p(()=>!0,"desired"),a.marks=t.markers.flatMap(Va).sort((d,h)=>h.id-d.id),a}push(t){let{at:n,columns:o}=this,a=n.length-1;if(!(a>=0&&t.at<=n[a])){if(t.at<this.#e+this.step*.75){n[a]=t.at;for(let r of gt){let i=o[r][a]??null,l=t[r];o[r][a]=Ma.includes(r)&&i!==null&&l!==null?Math.max(i,l):l}return}this.#e=t.at,n.push(t.at);for(let r of gt)o[r].push(t[r]);this.#t(t.at-this.span)}}#t(t){let n=this.at.findIndex(o=>o>=t);if(!(n<30)){this.at.splice(0,n);for(let o of gt)this.columns[o].splice(0,n)}}mark(t){let n=N(t.at);if(n===null||this.marks.some(({id:r})=>r===t.id))return;let{id:o,sentence:a}=t;this.marks=[{id:o,at:n,kind:jt(t),isOrder:!1,sentence:a},...this.marks].sort((r,i)=>i.id-r.id)}};function Pa(e,t){return t==null?e:(e??0)+t}function Va({id:e,at:t,kind:n,launches:o,drains:a,trouble:r,hold:i,sentence:l}){let c=N(t);if(c===null)return[];let p=n==="order",d=p?"order":o>0?"grow":a>0?"shrink":i?"hold":r?"trouble":"note";return[{id:e,at:c,kind:d,isOrder:p,sentence:l}]}function On(e,t){let{base:n,burst:o,booting:a}=Ft(t.pools);return{at:N(e)??0,backlog:t.backlog,oldest_age_seconds:t.oldest_age_seconds,drain_eta_seconds:t.drain_eta_seconds,arrival_rate:t.arrival_rate,service_rate:t.service_rate,base:n,burst:o,booting:a,desired:t.pools.reduce((r,i)=>r+i.desired,0),cost_per_hour:t.cost_per_hour,burst_cost_per_hour:t.burst_cost_per_hour}}var Ea=2e3,F=b("connecting"),B=b(null),qe=L(()=>B.value?.may_operate===!0),W=b(null),vt=b(null),Rn=b(performance.now()/1e3),Ut=L(()=>vt.value===null?null:Math.max(0,Rn.value-vt.value)),Aa=6,$e=L(()=>F.value==="lost"||(Ut.value??0)>Aa),bt=b(new URLSearchParams(location.search).get("policy")),X=L(()=>{let e=W.value?.policies??[];return e.find(({name:t})=>t===bt.value)??e[0]??null}),ee=L(()=>X.value?.name??null),ke=b(3600),xe=b(new Ke),Re=b(0),Le=b(null),Ie=L(()=>`${ee.value}
${ke.value}`);function Fo(e,t){xe.value=t,Le.value=e;let n=W.peek(),o=X.peek();n&&o&&t.push(On(n.at,o)),Re.value+=1}var ye=b([]),_t=L(()=>ye.value.filter(e=>e.policy===ee.value)),oe=b(new Set),Gt=b(null),j=b(null);function jo(e){e.at!==W.peek()?.at&&(vt.value=performance.now()/1e3),W.value=e;let t=X.peek();!t||Le.peek()!==Ie.peek()||(xe.peek().push(On(e.at,t)),Re.value+=1)}function Xe(e){let t=new Map(ye.peek().map(n=>[n.id,n]));for(let n of e)t.set(n.id,n);ye.value=[...t.values()].sort((n,o)=>o.id-n.id).slice(0,Ea)}function zo(e){bt.value=e,j.value=null;let t=new URL(location.href);t.searchParams.set("policy",e),history.pushState(null,"",t)}function U(e){return`${e}${e.includes("?")?"&":"?"}policy=${encodeURIComponent(ee.value??"")}`}var Kt=b(0);function Se(e){e instanceof ne&&e.status===401&&(Kt.value+=1)}var Bo=b(0);function He(){Bo.value+=1}var Ln={value:null,error:null,at:0};function J(e,t){let[n,o]=ct({...Ln,path:e}),a=Bo.value;return Z(()=>{let r=new AbortController,i,l=async()=>{try{let c=await le(e,r.signal);o({value:c,error:null,at:Date.now()/1e3,path:e})}catch(c){if(r.signal.aborted)return;o(p=>({...p.path===e?p:Ln,error:c,path:e})),Se(c)}i=setTimeout(l,t*1e3)};return l(),()=>{r.abort(),clearTimeout(i)}},[e,t,a]),n.path===e?n:Ln}function Uo({value:e,error:t,at:n}){return e!==null&&t!==null?`as of ${V(n)}; it cannot be read again`:""}var qt=[["","Overview"],["timeline","Timeline"],["decisions","Decisions"],["fleet","Fleet"],["partitions","Partitions"],["market","Market"],["cost","Cost"],["what-if","What if"],["control","Control"],["health","Health"]],Go=b(location.hash);addEventListener("hashchange",()=>{Go.value=location.hash});var Ko=L(()=>Go.value.replace(/^#\/?/,"").split("/")),ue=L(()=>qt.find(([e])=>e===Ko.value[0])?.[0]??null),wt=L(()=>Ko.value[1]??""),Je=L(()=>qt.find(([e])=>e===ue.value)?.[1]??"Not found");function qo(e){location.hash=`/${e}`}var yt=200,Da=720,Jo=1e3,Yo=15e3,Oa=45,Qt=null,Xt=Jo,Qo,Yt=performance.now();function In(){Zo(),Yt=performance.now();let e=new EventSource("api/v1/events");Qt=e;let t=(n,o)=>e.addEventListener(n,a=>{Yt=performance.now(),o(JSON.parse(a.data))});e.addEventListener("open",()=>{Xt=Jo,Yt=performance.now(),oe.value=new Set,Le.value=null,F.value="live",He()}),t("state",n=>jo(n)),t("decision",n=>{let o=n;Xe([o]),o.policy===ee.peek()&&(xe.peek().mark(o),Re.value+=1)}),t("order",He),e.addEventListener("error",()=>{(F.peek()==="live"||vt.peek()!==null)&&(F.value="lost"),e.readyState===EventSource.CLOSED&&(Kt.value+=1,Qo=setTimeout(In,Xt),Xt=Math.min(Xt*2,Yo))})}function Zo(){clearTimeout(Qo),Qt?.close(),Qt=null}function Ra(){Rn.value=performance.now()/1e3,F.peek()==="live"&&performance.now()-Yt>Oa*1e3&&(F.value="lost",In())}function Jt(e,t){let n=new Set;z(()=>{let o=e();if(o===null||n.has(o))return;let a=()=>{n.add(o),t(o).then(()=>n.delete(o)).catch(r=>{Se(r),setTimeout(()=>{n.delete(o),e()===o&&a()},Yo/3)})};a()})}var Xo=()=>F.value==="live";async function La(e){Xe(await le(U(`decisions?limit=${yt}`))),oe.value=new Set([...oe.peek(),e])}async function Ia(e){let t=ke.peek(),n=await le(U(`timeline?from=-${t}s&points=${Da}`));if(Ie.peek()!==e)return;let o=new Map((X.peek()?.pools??[]).map(({name:a,kind:r})=>[a,r]));Fo(e,Ke.of(n,o,t))}async function Ha(e){let t=await le(`decisions/${e}`).catch(n=>{if(!(n instanceof ne)||n.status!==404)throw n;Gt.value=e});t&&(Xe([t]),t.policy!==ee.peek()&&(bt.value=t.policy))}async function Wa(){B.value=await le("session")}function er(){setInterval(Ra,1e3),addEventListener("popstate",()=>{bt.value=new URLSearchParams(location.search).get("policy")}),Jt(()=>`${Kt.value}`,Wa),z(()=>{let e=B.value?.may_read;e&&!Qt&&In(),e===!1&&(Zo(),W.value=null,ye.value=[],F.value="connecting")}),Jt(()=>Xo()&&ee.value!==null&&!oe.value.has(ee.value)?ee.value:null,La),Jt(()=>Xo()&&ee.value!==null&&Le.value!==Ie.value?Ie.value:null,Ia),Jt(()=>{let e=ue.value==="decisions"&&oe.value.has(ee.value??"")?wt.value:"";return/^\d+$/.test(e)&&!ye.peek().some(t=>t.id===Number(e))?e:null},Ha)}var nr=function(e,t,n,o){var a;t[0]=0;for(var r=1;r<t.length;r++){var i=t[r++],l=t[r]?(t[0]|=i?1:2,n[t[r++]]):t[++r];i===3?o[0]=l:i===4?o[1]=Object.assign(o[1]||{},l):i===5?(o[1]=o[1]||{})[t[++r]]=l:i===6?o[1][t[++r]]+=l+"":i?(a=e.apply(l,nr(e,l,n,["",null])),o.push(a),l[0]?t[0]|=2:(t[r-2]=0,t[r]=a)):o.push(l)}return o},tr=new Map;function or(e){var t=tr.get(this);return t||(t=new Map,tr.set(this,t)),(t=nr(this,t.get(e)||(t.set(e,t=(function(n){for(var o,a,r=1,i="",l="",c=[0],p=function(m){r===1&&(m||(i=i.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?c.push(0,m,i):r===3&&(m||i)?(c.push(3,m,i),r=2):r===2&&i==="..."&&m?c.push(4,m,0):r===2&&i&&!m?c.push(5,0,!0,i):r>=5&&((i||!m&&r===5)&&(c.push(r,0,i,a),r=6),m&&(c.push(r,m,0,a),r=6)),i=""},d=0;d<n.length;d++){d&&(r===1&&p(),p(d));for(var h=0;h<n[d].length;h++)o=n[d][h],r===1?o==="<"?(p(),c=[c],r=3):i+=o:r===4?i==="--"&&o===">"?(r=1,i=""):i=o+i[0]:l?o===l?l="":i+=o:o==='"'||o==="'"?l=o:o===">"?(p(),r=1):r&&(o==="="?(r=5,a=i,i=""):o==="/"&&(r<5||n[d][h+1]===">")?(p(),r===3&&(c=c[0]),r=c,(c=c[0]).push(2,0,r),r=0):o===" "||o==="	"||o===`
`||o==="\r"?(p(),r=2):i+=o),r===3&&i==="!--"&&(r=4,c=c[0])}return p(),c})(e)),t),arguments,[])).length>1?t:t[0]}var s=or.bind(it);function Y({text:e}){return s`<span class=${e===E?"unknown":""}>${e}</span>`}function x({kind:e="",children:t}){return s`<span class=${`chip chip-${e}`}>${t}</span>`}function $t({reasons:e}){return e.length===0?null:s`<ul class="reasons">
    ${e.map(t=>s`<li class=${t.trouble?"reason trouble":"reason"}>
        <span class="glyph" aria-hidden="true">${t.trouble?"!":"·"}</span>
        <span>
          ${t.trouble&&s`<span class="sr">Trouble: </span>`}${t.text}${" "}
          <code>${t.code}</code>
        </span>
      </li>`)}
  </ul>`}function re({of:e}){return s`<span class=${`swatch swatch-${e}`} aria-hidden="true"></span>`}function k({id:e,title:t,note:n,tools:o,class:a="",children:r}){return s`<section class=${`card ${a}`} id=${e} aria-labelledby=${`${e}-title`}>
    <div class="card-head">
      <h2 id=${`${e}-title`}>${t}</h2>
      ${n!==void 0&&s`<p class="note">${n}</p>`}
      ${o}
    </div>
    ${r}
  </section>`}function Ye({children:e}){return s`<p class="empty">${e}</p>`}function Q({of:e,children:t}){if(e.value!==null){let n=Uo(e);return s`${n&&s`<p class="aged" role="status">${n}</p>`}${t(e.value)}`}return e.error===null?s`<p class="empty loading">Reading …</p>`:s`<div class="empty" role="alert">
          <p>This could not be read: ${ve(e.error)}.</p>
          <button type="button" class="button" onClick=${He}>Try again</button>
        </div>`}function Qe({of:e,class:t=""}){return s`<dl class=${`facts ${t}`}>
    ${e.map(([n,o,a])=>s`<div key=${n}>
        <dt>${n}</dt>
        <dd>${typeof o=="string"?s`<${Y} text=${o} />`:o}</dd>
        ${a!==void 0&&s`<dd class="fact-note">${a}</dd>`}
      </div>`)}
  </dl>`}function Zt({share:e,of:t=""}){let n=`${Math.min(1,e??0)*100}%`,o=e===null?"meter-unknown":e>=1?"meter-full":e>=.8?"meter-near":"";return s`<span class=${`meter ${o} ${t}`} aria-hidden="true"><span style=${{width:n}}></span></span>`}function Te(e){return s`<div class="segments" role="group" aria-label=${e.label}>
    ${e.of.map(([t,n])=>s`<button type="button" aria-pressed=${e.value===t} onClick=${()=>e.choose(t)}>${n}</button>`)}
  </div>`}var Hn=b(null);function kt(e){Hn.value=e}var Fa=500;function Wn(){return s`<label class="field">
    <span>Reason <em>kept with the order</em></span>
    <input name="reason" required maxlength=${Fa} autocomplete="off" />
  </label>`}function xt(){let[e,t]=ct(!1),[n,o]=ct("");return{isBusy:e,failure:n,give:async r=>{t(!0),o("");try{return await r(),He(),!0}catch(i){return Se(i),o(ve(i)),!1}finally{t(!1)}}}}function rr(){let e=te(null),{isBusy:t,failure:n,give:o}=xt(),a=Hn.value;Z(()=>{a?e.current?.showModal():e.current?.close()},[a]);let r=()=>{Hn.value=null};return s`<dialog ref=${e} aria-labelledby="ask-title" onClose=${r}>
    ${a&&s`<form onSubmit=${async l=>{l.preventDefault();let c=String(new FormData(l.currentTarget).get("reason")).trim();a&&await o(()=>a.run(c))&&r()}}>
      <h2 id="ask-title">${a.title}</h2>
      <p>${a.text}</p>
      <${Wn} />
      <p class="failure" role="alert">${n}</p>
      <div class="buttons">
        <button type="button" class="button" onClick=${r}>Leave it</button>
        <button class="button button-main" disabled=${t}>${a.button}</button>
      </div>
    </form>`}
  </dialog>`}function en(){let e=B.value,{isBusy:t,failure:n,give:o}=xt(),a=i=>{i.preventDefault();let l=String(new FormData(i.currentTarget).get("token")).trim();o(async()=>{B.value=await ht("session",{token:l})})},r=e?.may_read===!0;return s`<${k} id="sign-in" title="Sign in" class="sign-in">
    <p>${r?"You may read. To order something, sign in as somebody who may.":"This controller shows itself to those it knows."}</p>
    ${e?.wants_token?s`<form onSubmit=${a}>
          <label class="field">
            <span>Token</span>
            <input name="token" type="password" required autocomplete="current-password" />
          </label>
          <p class="failure" role="alert">${n}</p>
          <button class="button button-main" disabled=${t}>Sign in</button>
        </form>`:s`<p class="note">
          ${e?.auth==="proxy"?"The proxy in front of it says who you are; it named nobody who may.":"Orders are taken from the controller's own machine only, at its loopback address."}
        </p>`}
  <//>`}var Ze=b(null),Fn=b(new Set),jn=100;function ja(e,t,n){let o=t.find(({name:r})=>r===n?.column)?.by;if(!o||!n)return e;let a=n.isDown?-1:1;return[...e].sort((r,i)=>{let l=o(r),c=o(i);return l===null||c===null?+(l===null)-+(c===null):l<c?-a:l>c?a:0})}function za({id:e,column:t}){let{name:n,title:o,by:a,isText:r}=t,i=Ze.value?.table===e&&Ze.value.column===n?Ze.value:null,l=()=>{let c=!r;Ze.value=i?i.isDown===c?{...i,isDown:!c}:null:{table:e,column:n,isDown:c}};return s`<th
    scope="col"
    role="columnheader"
    class=${r?"":"number"}
    title=${o}
    aria-sort=${i?i.isDown?"descending":"ascending":void 0}
  >
    ${a?s`<button type="button" class="sort" onClick=${l}>${n}<span aria-hidden="true">${i?i.isDown?" ↓":" ↑":""}</span></button>`:n}
  </th>`}var ar=e=>typeof e=="string"?s`<${Y} text=${e} />`:e;function I({id:e,label:t,columns:n,groups:o,keyOf:a,empty:r,rowClass:i}){let l=o.reduce((m,{rows:u})=>m+u.length,0),c=Fn.value.has(e),p=Ze.value?.table===e?Ze.value:null,d=c?1/0:jn,h=o.map(({key:m,head:u,rows:g})=>{let y=ja(g,n,p).slice(0,d);return d-=y.length,s`<tbody key=${m} role="rowgroup">
      ${u&&s`<tr class="group-row" role="row"><th scope="rowgroup" role="rowheader" colspan=${n.length}>${u}</th></tr>`}
      ${y.map(_=>s`<tr key=${a(_)} role="row" class=${i?.(_)}>
          ${n.map(({name:S,show:w,more:M,isText:C},nt)=>{let ot=M?.(_),Ne=s`${ar(w(_))}${ot?s`<span class="second">${ar(ot)}</span>`:null}`;return nt===0?s`<th scope="row" role="rowheader"><div>${Ne}</div></th>`:s`<td role="cell" class=${C?"":"number"} data-label=${S}><div>${Ne}</div></td>`})}
        </tr>`)}
    </tbody>`});return s`<div class="table-place" tabindex="0" role="group" aria-label=${t}>
      <table id=${e} role="table" aria-label=${t}>
        <thead role="rowgroup"><tr role="row">${n.map(m=>s`<${za} key=${m.name} id=${e} column=${m} />`)}</tr></thead>
        ${h}
      </table>
      ${l===0&&r&&s`<p class="empty">${r}</p>`}
    </div>
    ${l>jn&&s`<button
      type="button"
      class="button more"
      onClick=${()=>{let m=new Set(Fn.peek());m.delete(e)||m.add(e),Fn.value=m}}
    >
      ${c?`Show the first ${f(jn)}`:`Show all ${ce(l,"row")}`}
    </button>`}`}var Ba=[[900,"15 minutes"],[3600,"1 hour"],[14400,"4 hours"],[43200,"12 hours"],[86400,"1 day"],[604800,"7 days"]];function Ua(){return s`<label class="field"><span>For</span>
    <select name="seconds">${Ba.map(([e,t])=>s`<option value=${e} selected=${e===3600}>${t}</option>`)}</select>
  </label>`}function sr({policy:e,what:t,button:n,children:o}){let{isBusy:a,failure:r,give:i}=xt();return s`<form onSubmit=${async c=>{c.preventDefault();let p=c.currentTarget,{seconds:d,workers:h,...m}=Object.fromEntries(new FormData(p)),u={...m,...h===void 0?{}:{workers:Number(h)},expires_in_seconds:Number(d)};await i(()=>ge(e,t,u))&&p.reset()}}>
    <fieldset disabled=${!qe.value||a}>
      <div class="fields">${o}<${Ua} /></div>
      <${Wn} />
      <button class="button button-main">${n}</button>
    </fieldset>
    <p class="failure" role="alert">${r}</p>
  </form>`}function lr({of:{by:e,at:t,until:n,reason:o}}){return s`<p class="sentence">“${o}”</p>
    <p class="meta"><span>by ${e}, ${we(N(t))} ${V(N(t))}</span>
    ${n&&s`<span>ends in ${v(_e(n,W.value?.at))}, at ${Ge(N(n))}</span>`}</p>`}function Ga({policy:{name:e,pause:t}}){let n=()=>kt({title:`Resume ${e}?`,text:"From the next tick on it buys, gives back and scales again.",button:"Resume",run:o=>ge(e,"resume",{reason:o})});return s`<${k} id="pause" title="Pause" class="half" note=${t?s`<${x} kind="trouble">Paused<//>`:"not paused"}>
    ${t?s`<${lr} of=${t} /><button type="button" class="button button-main" disabled=${!qe.value} onClick=${n}>Resume</button>`:s`<p class="explain">Nothing is bought, given back or scaled. What was begun is finished, and dead machines are still ended: money stops as ever.</p>
          <${sr} policy=${e} what="pause" button="Pause" />`}
  <//>`}var cr={fixed:"exactly",floor:"at least"};function Ka({policy:{name:e,overrides:t,pools:n}}){let o=n.filter(({kind:r})=>r==="burst"),a=({pool:r})=>kt({title:`Release ${r}?`,text:"From the next tick on the planner alone says how many machines it has.",button:"Release",run:i=>ge(e,"release",{pool:r,reason:i})});return s`<${k} id="override" title="Override" class="half" note=${t.length===0?"none":void 0}>
    ${t.map(r=>s`<div class="part" key=${r.id}>
        <h3>${r.pool}: ${r.shape&&cr[r.shape]} ${f(r.workers)}</h3>
        <${lr} of=${r} />
        <button type="button" class="button" disabled=${!qe.value} onClick=${()=>a(r)}>Release</button>
      </div>`)}
    ${o.length===0?s`<${Ye}>The policy names no place where machines can be bought.<//>`:s`<p class="explain">So many machines of a bought pool, whatever the planner thinks. Caps and budgets hold all the same.</p>
          <${sr} policy=${e} what="override" button="Override">
            <label class="field"><span>Pool</span><select name="pool">${o.map(r=>s`<option>${r.name}</option>`)}</select></label>
            <label class="field"><span>Shape</span><select name="shape"><option value="floor">at least</option><option value="fixed">exactly</option></select></label>
            <label class="field"><span>Machines</span><input name="workers" type="number" min="0" max="10000" required value="1" /></label>
          <//>`}
  <//>`}var qa=[{name:"When",isText:!0,by:e=>e.at,show:e=>s`<time datetime=${e.at}>${we(N(e.at))} ${V(N(e.at))}</time>`},{name:"Who",isText:!0,by:e=>e.by,show:e=>e.by??"nobody known",more:e=>[e.known_by,e.from].filter(Boolean).join(", ")},{name:"What",isText:!0,by:e=>e.kind,show:e=>`${e.kind} ${e.intent??e.pool??""} ${e.shape?`${cr[e.shape]??e.shape} ${f(e.workers)}`:""}`.trim(),more:e=>e.until&&`until ${we(N(e.until))} ${V(N(e.until))}`},{name:"Why",isText:!0,show:e=>e.reason??"–"},{name:"Outcome",isText:!0,show:e=>e.accepted?s`<${x} kind="action">accepted<//>`:s`<${x} kind="bad">refused<//>`,more:e=>e.refusal}],ir=b(!1);function Xa({who:e}){if(e.known_by!=="token"&&e.known_by!=="kubernetes")return null;let t=async()=>{ir.value=!0,await ht("session",{},"DELETE").catch(()=>{}),location.reload()};return s`<p class="note">Signed in as ${e.user}. <button type="button" class="button small" disabled=${ir.value} onClick=${t}>Sign out</button></p>`}function ur({policy:e}){let t=J(U("orders?limit=200"),30),n=B.value;return s`${n&&!n.may_operate&&s`<div class="whole"><${en} /></div>`}
    <${Ga} policy=${e} />
    <${Ka} policy=${e} />
    <${k} id="audit" title="Who ordered what" class="whole" note="refused orders too">
      <${Q} of=${t}>
        ${o=>s`<${I} id="audit-table" label="Orders" columns=${qa} groups=${[{key:"all",rows:o}]} keyOf=${a=>a.id} empty="Nobody has ordered anything yet." />`}
      <//>
      ${n&&s`<${Xa} who=${n} />`}
    <//>`}var Ja=[{name:"Pool",isText:!0,by:e=>e.pool,show:e=>e.pool},{name:"Now",by:e=>e.per_hour,show:e=>H(e.per_hour)},{name:"Today",by:e=>e.today,show:e=>$(e.today)},{name:"Of it idle",title:"Ready workers that had nothing to do",by:e=>e.idle_today,show:e=>$(e.idle_today)},{name:"Images today",by:e=>e.images_today,show:e=>f(e.images_today)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>$(e.dollars_per_million)},{name:"In all",by:e=>e.total,show:e=>$(e.total)}];function dr({base:e,burst:t,most:n}){let o=(a,r)=>s`<span class=${`swatch-${r}`} style=${{width:`${a/n*100}%`}}></span>`;return s`<span class="slots" aria-hidden="true">${o(e,"base")}${o(t,"burst")}</span>`}var zn=({base:e,burst:t})=>e===null&&t===null?null:(e??0)+(t??0);function Ya(e){return[{name:"Day",isText:!0,by:t=>t.day,show:t=>t.day},{name:"Base and burst",isText:!0,show:({base:t,burst:n})=>s`<${dr} base=${t??0} burst=${n??0} most=${e} />`},{name:"Base",by:t=>t.base,show:t=>$(t.base)},{name:"Burst",by:t=>t.burst,show:t=>$(t.burst)},{name:"Total",by:zn,show:t=>$(zn(t))},{name:"Images",by:t=>t.images,show:t=>f(t.images)},{name:"Late at worst",title:"The most jobs that were foreseen to be late at any moment",by:t=>t.late_jobs_max,show:t=>f(t.late_jobs_max)}]}function Qa({cost:{hybrid:e,all_cloud:t,today:n}}){let o=Math.max(e.today??0,t.today??0)||1,a=(l,{today:c,dollars_per_hour:p},d,h)=>s`<div class="versus">
    <span>${l}</span>
    <${dr} base=${d} burst=${h} most=${o} />
    <strong><${Y} text=${$(c)} /></strong>
    <span class="note">${H(p)}</span>
  </div>`,r=e.today!==null&&t.today!==null&&t.today>0?1-e.today/t.today:null,i=r===null?"How they compare is unknown.":r>=0?`Hybrid costs ${q(r)} less today.`:`Hybrid costs ${q(-r)} more today.`;return s`${a("Base and burst, as it is",e,n.base??0,n.burst??0)}${a(`All in the cloud${t.pool?`, ${t.pool}`:""}`,t,0,t.today??0)}
    <p class="verdict">${i}</p>
    <p class="note">${t.how}</p>`}function Za({cost:e}){let{today:t,forecast:n,budget:o,per_1000_images:a,idle_share:r}=e,i=({base:c,burst:p})=>`base ${$(c)}, burst ${$(p)}`,l=(c,p)=>p===null?"no limit":s`<span>${c===null?E:q(c)}<${Zt} share=${c} /></span>`;return s`<${k} id="today" title="Today" class="whole" note=${`since ${V(N(t.since)).slice(0,5)} here, midnight UTC`}>
    <${Qe}
      class="big"
      of=${[["So far",$(t.total),i(t)],["Forecast to midnight",$(n.total),`${i(n)}; ${n.how}`],["Burst of the day's budget",l(o.used_day_share,o.per_day),o.per_day===null?"":`${$(o.spent_today)} of ${$(o.per_day)}`],["Burst of the hour's budget",l(o.used_hour_share,o.per_hour),o.per_hour===null?"":`of ${$(o.per_hour)} in any hour`],["A thousand images",$(a),"at today's mix"],["Idle",q(r),"of what was paid for ready workers"]]}
    />
  <//>`}function pr(e){let t=J(U("cost?days=14"),15);return s`<${Q} of=${t}>
    ${n=>{let o=n.days.reduce((a,r)=>Math.max(a,zn(r)??0),0)||1;return s`<${Za} cost=${n} />
        <${k} id="versus" title="Hybrid against all-cloud" class="whole" note="the same images of today"><${Qa} cost=${n} /><//>
        <${k} id="by-pool" title="By pool" class="whole"><${I} id="cost-pools" label="Cost by pool" columns=${Ja} groups=${[{key:"all",rows:n.pools}]} keyOf=${a=>a.pool} /><//>
        <${k} id="by-day" title="By day" class="whole" note="UTC"><${I} id="cost-days" label="Cost by day" columns=${Ya(o)} groups=${[{key:"all",rows:n.days}]} keyOf=${a=>a.day} empty="No day is over yet." /><//>`}}
  <//>`}var ei=[[null,"All"],["action","Actions"],["hold","Holds"],["trouble","Trouble"]],fr=b(null),Bn=b("");function ti(e){let t=new Map;for(let{verb:n,pool:o}of e){let a=`${n==="ScaleBase"?"scale":n.toLowerCase()}
${o}`;t.set(a,(t.get(a)??0)+1)}return[...t].map(([n,o])=>{let[a="",r=""]=n.split(`
`);return o>1?`${a} ${o} × ${r}`:`${a} ${r}`})}function hr({decision:e}){let t=e.reasons.filter(i=>i.trouble).length,{violations:n,hold:o,actions:a,mode:r}=e;return s`<span class="entry-chips">
    ${n.length>0&&s`<${x} kind="bad">Refused by the checker<//>`}
    ${r==="Recommend"&&a.length>0&&s`<${x}>Not carried out<//>`}
    ${ti(a).map(i=>s`<${x} kind="action">${i}<//>`)}
    ${o&&s`<${x}>Hold<//>`}
    ${t>0&&s`<${x} kind="trouble">${t>1?`${t} troubles`:"Trouble"}<//>`}
  </span>`}function Un({decision:e}){let t=wt.value===String(e.id);return s`<a class="entry" href=${`#/decisions/${e.id}`} aria-current=${t?"true":void 0}>
    <span class=${`marker marker-${jt(e)}`} aria-hidden="true"></span>
    <time class="entry-time" datetime=${e.at}>${V(N(e.at))}</time>
    <span class="entry-text">${e.sentence}</span>
    <${hr} decision=${e} />
  </a>`}var ni={Done:"done",NotLaunched:"not launched",Unknown:"outcome unknown",Failed:"failed"};function oi({of:e}){if(e===null)return s`<${x}>no outcome yet<//>`;let t=e.outcome==="Done"?"action":"trouble";return s`<${x} kind=${t}>${ni[e.outcome]??e.outcome}<//>${e.detail&&s` <span class="note">${e.detail}</span>`}`}function ri({actions:e}){return s`<ul class="actions">
    ${e.map(t=>s`<li>
        <strong>${t.verb==="ScaleBase"?"Scale":t.verb}</strong> ${t.pool} <span class="mono">${t.intent}</span>${" "}
        <${oi} of=${t.outcome} />
        <span class="action-why">${t.why} <code>${t.code}</code></span>
      </li>`)}
  </ul>`}var ai=e=>e.replace(/(?<=[a-z])[A-Z]/g,t=>` ${t}`).toLowerCase(),ii=[{name:"Pool",isText:!0,show:({pool:e})=>e},{name:"Verdict",isText:!0,show:({verdict:e,launched:t})=>s`<${x} kind=${e==="Chosen"?"action":""}>${ai(e)}${t>0?` × ${t}`:""}<//>`,more:({why:e})=>e},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>$(e.dollars_per_million)},{name:"Ready in",by:e=>e.boot_seconds,show:e=>v(e.boot_seconds)},{name:"Counted on",by:e=>e.rate_counted_on,show:e=>A(e.rate_counted_on)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"Running",by:e=>e.running,show:e=>`${f(e.running)} of ${f(e.max)}`}];function mr({numbers:e}){return s`<dl class="numbers">
    ${Dn(e).map(([t,n])=>s`<div key=${t}><dt>${t}</dt><dd class=${n===E?"unknown":""}>${n}</dd></div>`)}
  </dl>`}function We({title:e,children:t}){return s`<div class="part"><h3>${e}</h3>${t}</div>`}function si({decision:e}){let{id:t,at:n,sentence:o,hold:a,violations:r,actions:i,reasons:l,alternatives:c,numbers:p,desired:d,revision:h}=e;return s`<p class="sentence">${o}</p>
    <p class="meta">
      <a href=${`#/decisions/${t}`}>#${t}</a> <time datetime=${n}>${Ge(N(n))}</time>
      <span>policy revision <code>${h}</code></span>
      <a href=${`api/v1/decisions/${t}`}>JSON</a>
    </p>
    <${hr} decision=${e} />
    ${r.length>0&&s`<${We} title="Refused by the checker: nothing was carried out"><ul class="actions">${r.map(m=>s`<li>${m}</li>`)}</ul><//>`}
    ${a&&s`<${We} title="Held"><${$t} reasons=${[a]} /><//>`}
    ${i.length>0&&s`<${We} title="Actions"><${ri} actions=${i} /><//>`}
    ${l.length>0&&s`<${We} title="Reasons"><${$t} reasons=${l} /><//>`}
    ${c.length>0&&s`<${We} title="What could have been bought, the cheapest first">
      <${I} id="alternatives" label="Alternatives" columns=${ii} groups=${[{key:"all",rows:c}]} keyOf=${m=>m.pool} />
    <//>`}
    <${We} title="Decided upon"><${mr} numbers=${p} /><//>
    <${We} title="Machines wanted"><${mr} numbers=${d} /><//>`}function li({id:e}){let t=te(null),n=ye.value.find(r=>String(r.id)===e),o=Gt.value===e?`Decision #${e} is not kept any more, or never was.`:"Reading the decision …";return Z(()=>{t.current?.focus({preventScroll:!0}),t.current?.scrollIntoView({block:"nearest"})},[e,n!==void 0]),s`<${k} id="decision" title=${`Decision #${e}`} tools=${s`<a class="to" href="#/decisions">Close</a>`}>
    <div ref=${t} tabindex="-1" class="detail">${n?s`<${si} decision=${n} />`:s`<p class="empty" role="status">${o}</p>`}</div>
  <//>`}var Fe=b("");async function ci(){let e=_t.peek().at(-1);if(e){Fe.value="busy";try{let t=await le(U(`decisions?limit=${yt}&before=${e.id}`));Xe(t),Fe.value=t.length<yt?"all":""}catch(t){Fe.value=ve(t)}}}function ui(e,t){let{id:n,sentence:o,hold:a,reasons:r,actions:i}=e,l=[...a?[a]:[],...r,...i].map(({code:c})=>c);return[`#${n}`,o,...l,...i.map(({pool:c,intent:p})=>`${c} ${p}`)].join(`
`).toLowerCase().includes(t)}function di(e){let t=new Map;for(let n of e){let o=we(N(n.at));t.set(o,[...t.get(o)??[],n])}return[...t]}function pi(e,t){return e?"No decision like this among those read so far.":t?"Nothing has been decided yet: the first decision comes with the first look at the backlog.":"Reading the log …"}function fi({policy:e}){let t=_t.value,n=fr.value,o=Bn.value.trim().toLowerCase(),a=t.filter(i=>(!n||mt(i,n))&&(!o||ui(i,o))),r=oe.value.has(e.name);return s`<${k}
    id="log"
    title="Decisions"
    note=${s`<a href=${`api/v1/${U("decisions?limit=1000")}`}>JSON</a>`}
    tools=${s`<${Te}
      label="Show"
      of=${ei.map(([i,l])=>[i,s`${l} <span class="segment-count">${f(i?t.filter(c=>mt(c,i)).length:t.length)}</span>`])}
      value=${n}
      choose=${i=>{fr.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a word, a code, a pool"
      aria-label="Find in decisions"
      value=${Bn.value}
      onInput=${i=>{Bn.value=i.currentTarget.value}}
    />
    ${a.length===0?s`<${Ye}>${pi(t.length>0,r)}<//>`:di(a).map(([i,l])=>s`<h3 class="day">${i}</h3>
            <ol class="entries" aria-label=${`Decisions of ${i}, newest first`}>
              ${l.map(c=>s`<li key=${c.id}><${Un} decision=${c} /></li>`)}
            </ol>`)}
    ${r&&t.length>=yt&&Fe.value!=="all"&&s`<p><button type="button" class="button more" disabled=${Fe.value==="busy"} onClick=${ci}>Older decisions</button>
      <span role="status">${Fe.value==="busy"?"":Fe.value}</span></p>`}
  <//>`}function gr({policy:e}){let t=wt.value;return s`<div class=${t?"decisions has-chosen":"decisions"}>
    <${fi} policy=${e} />
    ${t&&s`<${li} id=${t} />`}
  </div>`}var Gn=b(""),St=b(null),vr=["booting","starting","ready","draining","stopped"];function mi(e,{id:t,intent:n,pool:o}){kt({title:`Drain ${t}?`,text:`It finishes what it has, commits, and its machine is given back. Another of ${o} may be bought if the deadline needs it.`,button:"Drain",run:a=>ge(e,`instances/${encodeURIComponent(n??"")}/drain`,{reason:a})})}function hi({policy:e,worker:t}){return t.ordered_drain?s`<${x}>ordered by ${t.ordered_drain.by}<//>`:!t.can_drain||!qe.value?null:s`<button type="button" class="button small" aria-label=${`Drain ${t.id}`} onClick=${()=>mi(e,t)}>Drain</button>`}var Kn=({cloud:e,region:t,zone:n,market:o})=>[e,n||t,o].filter(Boolean).join(" · ");function gi({last_seen_seconds:e,phase:t,interruption_at:n}){return n?`taken back in ${v(_e(n,W.value?.at))}`:e===null?t==="booting"?"not heard of yet":"last heard of: unknown":e<3.5?"":`heard of ${v(e)} ago`}function vi({billing_boundary_seconds:e,is_burst:t}){return t?e===null?"minimum unknown":e>0?`paid for ${v(e)} more`:"by the second":""}var bi=[{name:"Worker",isText:!0,by:({id:e})=>e,show:({id:e})=>s`<span class="id" title=${e}>${e}</span>`,more:({node:e})=>e??""},{name:"Phase",isText:!0,by:e=>vr.indexOf(e.phase),show:e=>s`<span class=${`phase phase-${e.phase}`}>${e.phase}</span>`,more:gi},{name:"Age",by:e=>e.age_seconds,show:e=>v(e.age_seconds),more:vi},{name:"Offer",isText:!0,by:Kn,show:e=>e.machine||(e.is_burst?E:"our own"),more:Kn},{name:"GPU",isText:!0,by:({gpu:e})=>e,show:({gpu:e,phase:t})=>e??(t==="booting"?"–":E)},{name:"Cost",title:"Accrued, and the price an hour",by:e=>e.cost,show:e=>$(e.cost),more:e=>H(e.price_per_hour)},{name:"Images/s",by:e=>e.rate,show:e=>A(e.rate).replace("/s",""),more:e=>e.busy_share===null?"":`${q(e.busy_share)} busy`},{name:"Done",title:"Images done, and in flight",by:e=>e.images_done,show:e=>f(e.images_done),more:e=>e.in_flight===null?"":`${f(e.in_flight)} in flight`},{name:"$/million",title:"Dollars for a million images at its present speed",by:e=>e.dollars_per_million,show:e=>$(e.dollars_per_million),more:e=>e.partitions===null?"":ce(e.partitions,"partition")}];function _i(e){let t=[`${f(e.ready)} ready`];return e.booting>0&&t.push(`${f(e.booting)} booting`),e.draining>0&&t.push(`${f(e.draining)} draining`),`${t.join(", ")}; ${f(e.desired)} wanted, ${f(e.max)} at most`}function wi(e,t){return s`<span class="pool">
    <span class="pool-name"><${re} of=${t?.kind??""} />${e}</span>
    ${t?s`<span>${_i(t)}</span><span>${H(t.price_per_hour)} each</span><span>${t.cost_today===null?"cost of today unknown":`${$(t.cost_today)} today`}</span>`:s`<span>no longer in the policy</span>`}
  </span>`}var yi=(e,t)=>t.age_seconds-e.age_seconds||(e.id<t.id?-1:1);function $i({pools:e},t){return[...new Set([...e.map(({name:o})=>o),...t.map(({pool:o})=>o)])].map(o=>({key:o,head:wi(o,e.find(a=>a.name===o)),rows:t.filter(({pool:a})=>a===o).sort(yi)}))}function ki(e,t){let{id:n,pool:o,gpu:a,node:r,machine:i,intent:l}=e;return!t||[n,o,a,r,i,l,Kn(e)].join(`
`).toLowerCase().includes(t)}function br({policy:e}){let{workers:t}=e,n=Gn.value.trim().toLowerCase(),o=t.filter(i=>(St.value===null||i.phase===St.value)&&ki(i,n)),a={name:"Order",isText:!0,show:i=>s`<${hi} policy=${e.name} worker=${i} />`},r=vr.filter(i=>t.some(l=>l.phase===i)||i===St.value);return s`<${k}
    id="fleet"
    title="Fleet"
    class="whole"
    note=${ce(t.length,"worker")}
    tools=${s`<${Te}
      label="Phase"
      of=${[[null,"All"],...r.map(i=>[i,s`${i} <span class="segment-count">${f(t.filter(l=>l.phase===i).length)}</span>`])]}
      value=${St.value}
      choose=${i=>{St.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a worker, a node, a machine, a zone"
      aria-label="Find in the fleet"
      value=${Gn.value}
      onInput=${i=>{Gn.value=i.currentTarget.value}}
    />
    <${I}
      id="fleet-table"
      label="Workers by pool"
      columns=${[...bi,a]}
      groups=${$i(e,o)}
      keyOf=${i=>i.id}
      empty=${t.length===0?"No machine is there and no worker has been heard of.":"No worker is like this."}
    />
  <//>`}var _r={ok:["action","well"],warn:["trouble","look at it"],fail:["bad","failing"],unknown:["","unknown"]},qn=["fail","warn","unknown","ok"],xi=[{name:"What",isText:!0,by:e=>e.name,show:e=>e.name},{name:"State",isText:!0,by:e=>qn.indexOf(e.status),show:({status:e})=>s`<${x} kind=${_r[e]?.[0]}>${_r[e]?.[1]??e}<//>`,more:({since:e,status:t})=>e&&t!=="ok"&&`since ${V(N(e))}`},{name:"Detail",isText:!0,show:e=>e.detail},{name:"Heard",by:e=>e.age_seconds,show:e=>e.age_seconds===null?"never":Bt(e.age_seconds)}];function Si(e){let t=e.filter(({status:n})=>n!=="ok").length;return t===0?`all ${f(e.length)} are well`:`${f(t)} of ${f(e.length)} need a look`}function Ti({policy:{leader:e,loop:t,orphans:n,signal_age_seconds:o}}){let a=_e(e.since,W.value?.at);return s`<${k} id="now" title="Now" class="whole">
    <${Qe}
      of=${[["Lag read",Bt(o.backlog)],["Heartbeats read",Bt(o.workers)],["Leads",e.is_leader?e.identity??"this one":"another",`token ${e.token}, for ${v(a)}`],["Last tick took",`${(t.tick_seconds*1e3).toFixed(1)} ms`,`${f(t.ticks)} ticks, ${f(t.panics)} panics`],["Machines without an intent",n===null?"unknown":f(n),n===null?"no provider could be asked":"they are ended"]]}
    />
  <//>`}function wr({policy:e}){let t=J("health",5);return s`<${Ti} policy=${e} />
    <${Q} of=${t}>
      ${({checks:n,history:o,streams:a,config:r,uptime_seconds:i,version:l})=>{let c=[...n].sort((p,d)=>qn.indexOf(p.status)-qn.indexOf(d.status));return s`<${k} id="checks" title="Reachability" class="whole" note=${Si(n)}>
            <${I} id="checks-table" label="Checks" columns=${xi} groups=${[{key:"all",rows:c}]} keyOf=${p=>p.name} />
          <//>
          <${k} id="memory" title="History" class="half" note="what explains, replays and draws the past">
            <${Qe}
              of=${[["Reaches back to",o.oldest===null?"nothing kept yet":Ge(N(o.oldest))],["Size",An(o.bytes),`of ${An(o.bytes_max)}, ${f(o.days_max)} days`],["Decisions",f(o.decisions)],["Samples",f(o.samples)]]}
            />
          <//>
          <${k} id="config" title="This controller" class="half">
            <${Qe}
              of=${[["Up for",v(i),`Spillway ${l}`],["Open streams",`${f(a.open)} of ${f(a.max)}`,`${f(a.dropped)} dropped`],["Listens at",r.listen,`who may: ${r.auth}`],["Policy revision",r.policy_revision,r.kubernetes?"from Kubernetes":"from a file"]]}
            />
          <//>`}}
    <//>`}var Ni={policy:"as configured",measured:"measured",provider:"by provider"};function Xn({from:e,age_seconds:t}){return`${Ni[e]}${t===null?"":`, ${v(t)} ago`}`}function Ci(e,t){return[{name:"Pool",isText:!0,by:({pool:n})=>n,show:({pool:n})=>n,more:({cloud:n,machine:o})=>[n,o].filter(Boolean).join(" · ")},{name:"Where",isText:!0,by:n=>n.zone||n.region,show:n=>n.zone||n.region||"this machine",more:n=>n.market},{name:"$ per million",by:n=>n.dollars_per_million,show:n=>s`<span class=${n.dollars_per_million===null?"rank rank-unknown":"rank"} aria-hidden="true"><span style=${{width:`${(n.dollars_per_million??0)/e*100}%`}}></span></span> <strong>${$(n.dollars_per_million)}</strong>`,more:n=>n.transfer_per_million?`transfer ${$(n.transfer_per_million)}`:""},{name:"Price",by:n=>n.price_per_hour.value,show:n=>H(n.price_per_hour.value),more:n=>Xn(n.price_per_hour)},{name:"Each does",by:n=>n.images_per_second.value,show:n=>A(n.images_per_second.value),more:n=>Xn(n.images_per_second)},{name:"Ready in",by:n=>n.ready_in_seconds.value,show:n=>v(n.ready_in_seconds.value),more:n=>Xn(n.ready_in_seconds)},{name:"Running",by:n=>n.running,show:n=>`${f(n.running)} of ${f(n.max)}`},{name:"Taken back",title:"Interruptions in a thousand hours of a machine",by:n=>n.interruptions_per_1000_hours,show:n=>n.market==="Spot"?f(n.interruptions_per_1000_hours):"never",more:n=>n.market==="Spot"?"in 1,000 h":""},{name:"Now",isText:!0,show:({blocked:n,running:o,max:a})=>n?s`<${x} kind="trouble">${n.fault}<//>`:o>=a?s`<${x}>all taken<//>`:s`<${x} kind="action">can be bought<//>`,more:({blocked:n})=>n&&`${n.why}; asked again in ${v(_e(n.until,t))}`}]}function yr({policy:e}){let t=J(U("market"),10),n=t.value?.offers??[],o=n.reduce((a,r)=>Math.max(a,r.dollars_per_million??0),0)||1;return s`<${k} id="market" title="Market" class="whole" note=${t.value?`${ce(n.length,"offer")}, the cheapest work first`:void 0}>
    <${Q} of=${t}>
      ${()=>s`<${I}
        id="market-table"
        label="Offers"
        columns=${Ci(o,t.value?.at??"")}
        groups=${[{key:e.name,rows:n}]}
        keyOf=${a=>a.pool}
        empty="The policy names no place where machines can be bought: the base does it alone."
      />`}
    <//>
    <p class="note">Work is compared, not hours: the price of a machine by what it does in an hour, with the transfer of the images to it.</p>
  <//>`}var $r=[1,2,5,10,20,50,100,200,500,1e3,2e3,5e3,1e4,2e4,5e4,1e5,2e5,5e5,1e6,2e6,5e6,1e7,1e8,1e9],Mi=[5,10,15,30,60,120,180,300,600,900,1800,3600,7200,14400,28800,86400,604800],tn=[{id:"backlog",title:"Backlog",series:[{column:"backlog",name:"jobs",color:"accent",fill:"soft",swatch:"line"}],full:f,axis:be,increments:$r,topMin:10},{id:"eta",title:"Against the deadline",series:[{column:"drain_eta_seconds",name:"drain ETA",color:"accent",swatch:"line"},{column:"oldest_age_seconds",name:"oldest job",color:"ink-2",dash:[5,4],swatch:"dashed"}],hasDeadline:!0,full:e=>e===null?"never or unknown":v(e),axis:v,increments:Mi,topMin:10},{id:"rates",title:"Rates",series:[{column:"arrival_rate",name:"arrival",color:"ink-2",dash:[5,4],swatch:"dashed"},{column:"service_rate",name:"service",color:"accent",swatch:"line"}],full:A,axis:be,topMin:1},{id:"workers",title:"Workers",series:[{column:"base",name:"base",color:"base",fill:"solid",swatch:"base"},{column:"burst",name:"burst",color:"burst",fill:"solid",swatch:"burst"},{column:"booting",name:"booting",color:"burst",fill:"hatch",swatch:"booting"},{column:"desired",name:"wanted",color:"ink",dash:[2,3],isOver:!0,swatch:"dotted"}],isStacked:!0,isStepped:!0,full:f,axis:be,increments:$r,topMin:3},{id:"cost",title:"Cost",series:[{column:"cost_per_hour",name:"all",color:"ink-2",fill:"soft",swatch:"grey"},{column:"burst_cost_per_hour",name:"burst",color:"burst",swatch:"burst-line"}],isStepped:!0,full:H,axis:e=>`$${e>=1e3?be(e):Number.isInteger(e)?e:e.toFixed(2)}`,topMin:.1}];var Pi=[0,.25,.5,.75];function Vi(e,t){switch(e.kind){case"clear":return{figure:"Clear",rest:"nothing is waiting",spare:""};case"within":return{figure:v(e.seconds),rest:"until the backlog is gone",spare:`${v(e.spare)} to spare`};case"over":return{figure:v(e.seconds),rest:"until the backlog is gone",spare:`${v(e.over)} over`};case"never":return{figure:"Never",rest:"at this rate",spare:Ei(t)};case"unknown":return{figure:"Unknown",rest:"when the backlog will be gone",spare:Ai(t)}}}function Ei(e){let t=`${A(e.arrival_rate)} arrive, ${A(e.service_rate)} can be done`;return e.service_rate_soon>e.service_rate?`${t}, ${A(e.service_rate_soon)} soon`:t}function Ai(e){let t=e.partitions-e.partitions_known;return e.backlog===null?"the backlog is unknown":t>0?`the lag of ${f(t)} of ${f(e.partitions)} partitions is unknown`:e.arrival_rate===null?"the arrival rate is unknown":""}function Di(e,t){if(t>0)return`About ${ce(t,"job")} will be late`;switch(e.kind){case"unknown":return"";case"never":case"over":return"Jobs will be late unless something changes";default:return"No job will be late as things stand"}}function kr({policy:e}){let t=Tn(e),n=e.drain_within_seconds,{done:o,over:a,isCut:r}=Ho(t,n),{figure:i,rest:l,spare:c}=Vi(t,e),p=h=>({width:`${(h*100).toFixed(2)}%`}),d=`Drain ETA: ${i} ${l}. Deadline ${v(n)}. ${c}`;return s`<section class=${`card deadline deadline-${t.kind}`} aria-labelledby="deadline-title">
    <div class="card-head">
      <h2 id="deadline-title">Drain ETA against the deadline</h2>
      <p class="note">every job done within ${v(n)}</p>
    </div>
    <p class="headline">
      <strong class="figure">${i}</strong>
      <span class="figure-rest">${l}</span>
      <span class="spare">${c}</span>
    </p>
    <div class="bar" role="img" aria-label=${d}>
      <div class="track">
        <div class="fill" style=${p(o)}></div>
        <div class="overrun-zone" style=${{left:`${se*100}%`}}></div>
        <div class="fill-over" style=${{left:`${se*100}%`,...p(a)}}></div>
        ${r&&s`<div class="cut">›››</div>`}
        ${(t.kind==="never"||t.kind==="unknown")&&s`<div class="track-word">${t.kind==="never"?"never at this rate":"unknown"}</div>`}
      </div>
      <div class="deadline-mark" style=${{left:`${se*100}%`}}></div>
      <div class="scale" aria-hidden="true">
        ${Pi.map(h=>s`<span class=${h%.5===0?"tick":"tick tick-minor"} style=${{left:`${h*se*100}%`}}>${v(h*n)}</span>`)}
        <span class="tick tick-deadline" style=${{left:`${se*100}%`}}>${v(n)} deadline</span>
      </div>
    </div>
    <p class=${e.late_jobs>0?"late is-late":"late"}>${Di(t,e.late_jobs)}</p>
  </section>`}function et({name:e,of:t,note:n,children:o}){return s`<div class=${`figure-cell figure-${t}`}>
    <dt>${e}</dt>
    <dd class="figure-value">${o}</dd>
    <dd class="figure-note">${n}</dd>
  </div>`}var xr=5;function Oi({partitions:e,partitions_known:t,signal_age_seconds:n}){return t<e?`${f(t)} of ${f(e)} partitions known`:n.backlog===null?"age of this unknown":n.backlog>xr?`as of ${v(n.backlog)} ago`:`over ${f(e)} partitions`}function Ri({arrival_rate:e,service_rate:t,service_rate_soon:n}){if(e===null)return"arrival rate unknown";if(n-t>.05)return`${A(n)} soon`;let o=t-e;return o>=0?`${A(o)} to spare`:`short by ${A(-o)}`}function Li({per_day:e,used_day_share:t}){return e===null?"no daily limit":`${q(t)} of ${$(e)} a day`}function Sr({policy:e}){let{base:t,burst:n,booting:o}=Ft(e.pools),a=e.signal_age_seconds.workers;return s`<dl class="figures card" aria-label="Key figures">
    <${et} name="Backlog" of="backlog" note=${Oi(e)}>
      <${Y} text=${f(e.backlog)} /><//>
    <${et} name="Oldest job" of="oldest" note=${`of ${v(e.drain_within_seconds)} allowed`}>
      <${Y} text=${v(e.oldest_age_seconds)} /><//>
    <${et} name="Arrival → service rate" of="rates" note=${Ri(e)}>
      <${Y} text=${A(e.arrival_rate)} /><span class="arrow" aria-hidden="true">→</span><span class="sr"> against </span
      ><${Y} text=${A(e.service_rate)} /><//>
    <${et}
      name="Workers"
      of="workers"
      note=${a!==null&&a<=xr?s`<span class="counts" aria-hidden="true"><span>base</span><span>burst</span><span>booting</span></span>`:`heard of ${a===null?"at an unknown time":`${v(a)} ago`}`}
    >
      <span class="counts">
        <span><${re} of="base" />${f(t)}<span class="sr"> base</span></span>
        <span><${re} of="burst" />${f(n)}<span class="sr"> burst</span></span>
        <span><${re} of="booting" />${f(o)}<span class="sr"> booting</span></span>
      </span><//>
    <${et} name="Cost now" of="cost" note=${`burst ${H(e.burst_cost_per_hour)}`}>
      <${Y} text=${H(e.cost_per_hour)} /><//>
    <${et} name="Burst today" of="spend" note=${Li(e.budget)}>
      <${Y} text=${$(e.budget.spent_today)} /><${Zt} share=${e.budget.used_day_share} /><//>
  </dl>`}function Tr({policy:e}){let t=e.last_decision;return s`<section class="card now" aria-labelledby="now-title">
    <div class="card-head">
      <h2 id="now-title">Last decision</h2>
      ${t&&s`<p class="note"><a href=${`#/decisions/${t.id}`}>#${t.id}</a> at ${V(N(t.at))}</p>`}
    </div>
    <div class="now-body" tabindex="0" role="group" aria-label="Last decision and its reasons">
      <p class="sentence">${e.sentence||"Nothing has been decided yet."}</p>
      ${e.hold&&s`<p class="hold"><span class="chip chip-hold">Hold</span> ${e.hold.text} <code>${e.hold.code}</code></p>`}
      <${$t} reasons=${e.reasons.filter(n=>n.code!==e.hold?.code)} />
    </div>
  </section>`}var Ii=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,10800,21600,43200,86400];function Nr(e,t,n){let o=e/t,a=n?.find(i=>i>=o);if(a!==void 0)return a;let r=10**Math.floor(Math.log10(o));return([1,2,5].find(i=>i*r>=o*.999)??10)*r}function Cr(e,t){return Array.from({length:Math.floor(e/t+1e-9)+1},(n,o)=>o*t)}function Mr(e,t,n,o){let a=Ii.find(i=>(t-e)/i<=n)??86400,r=Math.ceil((e+o)/a)*a-o;return{step:a,at:Array.from({length:Math.max(0,Math.floor((t-r)/a)+1)},(i,l)=>r+l*a)}}var Hi=["surface","line","ink","ink-2","ink-3","accent","accent-soft","base","base-fill","burst","burst-fill","bad","warn"];function Vr(){let e=getComputedStyle(document.documentElement);return Object.fromEntries(Hi.map(t=>[t,e.getPropertyValue(`--${t}`).trim()]))}var Jn=b(Vr());matchMedia("(prefers-color-scheme: dark)").addEventListener("change",()=>{Jn.value=Vr()});function Er(){return getComputedStyle(document.body).fontFamily}var Pr=new Map;function Yn(e){let t=Pr.get(e);return t===void 0&&(t=Wi(e,6)??e,Pr.set(e,t)),t}function Wi(e,t){let n=document.createElement("canvas");n.width=n.height=t;let o=n.getContext("2d");if(!o)return null;o.strokeStyle=e,o.lineWidth=t/3.5,o.beginPath();for(let a of[-t,0,t])o.moveTo(a-1,t+1),o.lineTo(a+t+1,-1);return o.stroke(),o.createPattern(n,"repeat")}var nn=48,on=10,Ar=8,Fi=4,ji=26,Dr=72,zi=30;function Or(e,t,n,o){let a=n.appendChild(document.createElement("canvas")),r=n.appendChild(document.createElement("span"));r.className="cursor";let i=e.series.map(()=>n.appendChild(document.createElement("span"))),l=null,c=null,p=()=>{l&&n.clientWidth>0&&(c=Bi(a,e,l,n,t))},d=u=>{if(!l||!c)return;let{left:g,width:y}=c.box,_=(u.clientX-n.getBoundingClientRect().left-g)/y;o(l.from+Math.min(1,Math.max(0,_))*(l.to-l.from))},h=()=>o(null);n.addEventListener("pointermove",d),n.addEventListener("pointerleave",h);let m=new ResizeObserver(p);return m.observe(n),{draw:u=>{l=u,p()},point:(u,g)=>{let y=u!==null&&l!==null&&c!==null;r.hidden=!y,i.forEach((_,S)=>{let w=y?c.heights[S][g]:null;_.hidden=w==null,!_.hidden&&(_.className=`cursor-dot swatch-${e.series[S].swatch}`,_.style.transform=`translate(${c.x(l.at[g])}px, ${c.y(w)}px)`)}),y&&(r.style.transform=`translateX(${c.x(u)}px)`)},remove:()=>{m.disconnect(),n.removeEventListener("pointermove",d),n.removeEventListener("pointerleave",h),n.replaceChildren()}}}function Bi(e,t,n,o,a){let[r,i]=[o.clientWidth,o.clientHeight],l=devicePixelRatio;(e.width!==Math.round(r*l)||e.height!==Math.round(i*l))&&(e.width=Math.round(r*l),e.height=Math.round(i*l));let c={left:nn,top:Ar,width:r-nn-on,height:i-Ar-(a?ji:Fi)},{from:p,to:d}=n,h=Ui(t,n.columns),m=Ki(t,n,h),u={box:c,heights:h,x:y=>c.left+(y-p)/(d-p)*c.width,y:y=>c.top+(1-Math.min(y/m,1.2))*c.height},g=e.getContext("2d");if(!g)return u;g.setTransform(l,0,0,l,0,0),g.clearRect(0,0,r,i),g.font=`11px ${Er()}`,qi(g,t,n,u,m),a&&Yi(g,n,u),g.save(),g.beginPath(),g.rect(c.left,0,c.width,c.top+c.height+1),g.clip(),Qi(g,n,u);for(let y of Gi(t))Zi(g,t,t.series[y],n,u,h[y]);return ts(g,n,u),t.hasDeadline&&ns(g,n,u),g.restore(),u}function Ui(e,t){let n=null;return e.series.map(({column:o,isOver:a})=>{let r=t[o],i=n;return!e.isStacked||a?r:(n=i===null?r:r.map((l,c)=>l===null?i[c]??null:l+(i[c]??0)),n)})}function Gi({series:e,isStacked:t}){let n=e.map((o,a)=>a);return t?[...n.filter(o=>!e[o].isOver).reverse(),...n.filter(o=>e[o].isOver)]:n}function Ki(e,{deadline:t,at:n,from:o},a){let r=0;for(let l of a)for(let c=0;c<l.length;c+=1)n[c]>=o&&(l[c]??0)>r&&(r=l[c]);let i=Math.max(e.topMin,r*1.12);return e.hasDeadline?Math.min(Math.max(i,t*1.25),t*4):i}function qi(e,t,{colors:n},{box:o,y:a},r){let i=Nr(r,Math.max(1,Math.floor(o.height/zi)),t.increments);e.textAlign="right",e.textBaseline="middle",e.fillStyle=n["ink-3"],e.strokeStyle=n.line,e.lineWidth=1;for(let l of Cr(r,i)){let c=Math.round(a(l))+.5;Qn(e,o.left,c,o.left+o.width,c),e.fillText(t.axis(l),o.left-8,c)}}var Xi=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit"}),Ji=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"});function Yi(e,{from:t,to:n,colors:o},{box:a,x:r}){let i=-new Date(t*1e3).getTimezoneOffset()*60,{step:l,at:c}=Mr(t,n,a.width/Dr,i);e.textAlign="center",e.textBaseline="top",e.fillStyle=o["ink-3"];for(let p of c)r(p)>a.left+a.width+on-Dr/3||e.fillText((l<60?Ji:Xi).format(p*1e3),r(p),a.top+a.height+8)}function Qi(e,{at:t,from:n,colors:o},{box:a,x:r,heights:i}){let l=i[0];e.fillStyle=Yn(o.line);for(let c=0;c<t.length;c+=1){if(l[c]!==null)continue;let p=c;for(;p+1<t.length&&l[p+1]===null;)p+=1;let d=r(Math.max(n,t[Math.max(0,c-1)]));e.fillRect(d,a.top,Math.max(1,r(t[Math.min(t.length-1,p+1)])-d),a.height),c=p}}function Zi(e,t,n,o,{box:a,x:r,y:i},l){let{at:c,colors:p}=o,d=new Path2D,h=new Path2D,m=a.top+a.height,u=null,g=0,y=()=>{u!==null&&(h.lineTo(g,m),h.lineTo(u,m),u=null)};for(let _=0;_<c.length;_+=1){let S=l[_];if(S==null){y();continue}let[w,M]=[r(c[_]),i(S)];if(u===null)u=w,d.moveTo(w,M),h.moveTo(w,M);else if(t.isStepped){let C=i(l[_-1]);d.lineTo(w,C),h.lineTo(w,C)}d.lineTo(w,M),h.lineTo(w,M),g=w}y(),n.fill&&(e.fillStyle=es(n,p),e.fill(h)),e.strokeStyle=p[n.color],e.lineWidth=1.75,e.lineCap=n.dash?"butt":"round",e.lineJoin="round",e.setLineDash([...n.dash??[]]),e.stroke(d),e.setLineDash([])}function es({fill:e,color:t},n){return e==="hatch"?Yn(n[t]):e==="solid"?n[t==="base"?"base-fill":"burst-fill"]:t==="accent"?n["accent-soft"]:n.line}function ts(e,{marks:t,colors:n},{box:o,x:a}){e.lineWidth=1,e.globalAlpha=.45,e.setLineDash([2,3]);for(let r of t){let i=Math.round(a(r.at))+.5;e.strokeStyle=n[r.color],Qn(e,i,o.top,i,o.top+o.height)}e.globalAlpha=1,e.setLineDash([])}function ns(e,{deadline:t,colors:n},{box:o,y:a}){let r=Math.round(a(t))+.5;e.lineWidth=1.5,e.strokeStyle=e.fillStyle=n.bad,Qn(e,o.left,r,o.left+o.width,r),e.font=`600 ${e.font}`,e.textAlign="left",e.textBaseline="bottom",e.fillText("deadline",o.left+4,r-2)}function Qn(e,t,n,o,a){e.beginPath(),e.moveTo(t,n),e.lineTo(o,a),e.stroke()}var os=[[900,"15m"],[3600,"1h"],[21600,"6h"],[86400,"24h"]],rs=60,de=b(null);function as(){let{at:e,columns:t,marks:n}=xe.value,o=e.at(-1)??Date.now()/1e3,a=Math.min(Math.max(e[0]??o,o-ke.value),o-rs);return{at:e,columns:t,to:o,from:a,marks:ss(n.filter(r=>r.at>=a&&r.at<=o),a,o)}}var is=200;function ss(e,t,n){let o=r=>Zn.length-Zn.findIndex(([i])=>i===r.kind),a=new Map;for(let r of e){let i=Math.floor((r.at-t)/(n-t)*is),l=a.get(i);(!l||o(r)>o(l))&&a.set(i,r)}return[...a.values()]}function rn(e,t){let n=0,o=e.length;for(;n<o;){let a=n+o>>1;e[a]<=t?n=a+1:o=a}return Math.max(0,n-1)}var ls={grow:"ink",shrink:"ink",order:"ink",trouble:"warn",hold:"ink-3"},Zn=[["grow","more workers"],["shrink","fewer"],["order","ordered"],["trouble","trouble"],["hold","hold"],["note","other"]];function Rr(e){return xe.value.marks.find(t=>t.at<=e+.5)}var cs=.015;function us(e,{marks:t,from:n,to:o}){let a=r=>Math.abs(r.at-e);return t.filter(r=>a(r)<=(o-n)*cs).sort((r,i)=>a(r)-a(i))[0]}function eo(e){let t=de.peek(),n=t&&us(e,t);n&&qo(n.isOrder?"control":`decisions/${n.id}`)}var ds=120;function ps(e,{from:t,to:n,at:o,marks:a}){let r=Math.max(t,o[0]??t),i=j.peek()??n,l=Math.max(1,(n-t)/ds);switch(e){case"ArrowLeft":case"ArrowDown":return Math.max(r,i-l);case"ArrowRight":case"ArrowUp":return Math.min(n,i+l);case"Home":return r;case"End":return n;case"PageUp":return a.find(c=>c.at<i-.5)?.at??r;case"PageDown":return a.findLast(c=>c.at>i+.5)?.at??n;default:return null}}var tt=b(null);function fs(e,t){let n=j.value??e.to,o=rn(e.at,n),a=t.flatMap(r=>r.series.map(i=>`${r.title} ${i.name} ${r.full(e.columns[i.column][o]??null)}`));return`${V(n)}. ${a.join(", ")}. ${Rr(n)?.sentence??""}`}function ms({specs:e}){let t=de.value;if(!t)return s`<div class="lane"></div>`;let n=i=>({left:`${((i-t.from)/(t.to-t.from)*100).toFixed(3)}%`}),o=i=>{if(i.key==="Enter")return eo(j.peek()??t.to);if(i.key==="Escape"){tt.value=j.value=null;return}let l=ps(i.key,t);l!==null&&(i.preventDefault(),tt.value=j.value=l)},a=i=>{let l=i.currentTarget.getBoundingClientRect();eo(t.from+(i.clientX-l.left)/l.width*(t.to-t.from))},r=j.value;return s`<div
    class="lane"
    role="slider"
    tabindex="0"
    aria-label="Time; page up and page down go from decision to decision, enter opens one"
    aria-valuemin=${Math.round(t.from)}
    aria-valuemax=${Math.round(t.to)}
    aria-valuenow=${Math.round(r??t.to)}
    aria-valuetext=${fs(t,e)}
    onKeyDown=${o}
    onClick=${a}
    onBlur=${()=>{tt.peek()!==null&&(tt.value=j.value=null)}}
  >
    ${t.marks.map(i=>s`<span key=${i.id} class=${`mark marker marker-${i.kind}`} style=${n(i.at)}></span>`)}
    ${r!==null&&r>=t.from&&s`<span class="lane-cursor" style=${n(r)}></span>`}
  </div>`}function hs(){let e=de.value,t=j.value;return!e||t===null?s`<p class="readout"><span class="legend">
      ${Zn.map(([n,o])=>s`<span class="legend-item"><span class=${`marker marker-${n}`} aria-hidden="true"></span> ${o}</span>`)}
    </span></p>`:s`<p class="readout">
    <strong>${V(t)}</strong> <span class="readout-ago">${v(e.to-t)} ago</span>
    <span class="readout-text">${Rr(t)?.sentence??"before what was decided in view"}</span>
  </p>`}function gs({spec:e}){let t=de.value,n=t?rn(t.at,j.value??t.to):0,o=a=>t&&t.at.length>0?e.full(t.columns[a.column][n]??null):"–";return s`<span class="legend">
    ${e.series.map(a=>s`<span class="legend-item">
        ${e.series.length>1&&s`<${re} of=${a.swatch} /><span class="legend-name">${a.name}</span>`}
        <strong>${o(a)}</strong>
      </span>`)}
  </span>`}function vs(e,t){if(!t||t.at.length===0)return`${e.title}: nothing yet`;let n=e.series.map(o=>{let a=t.columns[o.column],r=a.reduce((i,l)=>Math.max(i,l??0),0);return`${o.name} now ${e.full(a.at(-1)??null)}, highest ${e.full(r)}`});return`${e.title} over the last ${v(t.to-t.from)}: ${n.join("; ")}`}function bs({spec:e,hasTimeAxis:t,place:n}){return s`<div class="plot">
    <div class="plot-head">
      <h3>${e.title}</h3>
      <${gs} spec=${e} />
    </div>
    <div class="plot-canvas" role="img" aria-label=${vs(e,de.value)}>
      <div class=${t?"plot-root with-time":"plot-root"} ref=${n}></div>
    </div>
  </div>`}function _s(e,t,n){let o=l=>{let c=de.peek();tt.value=null,j.value=l===null||!c?null:c.at[rn(c.at,l)]??null},a=e.map((l,c)=>Or(l,c===e.length-1,n[c],o)),r=z(()=>{Re.value;let l=as();de.value=l;let c=l.marks.flatMap(({at:p,kind:d})=>d==="note"?[]:[{at:p,color:ls[d]}]);for(let p of a)p.draw({...l,colors:Jn.value,deadline:t,marks:c})}),i=z(()=>{let l=de.value,c=j.value,p=l!==null&&c!==null&&c>=l.from;for(let d of a)d.point(p?c:null,p?rn(l.at,c):0)});return()=>{r(),i();for(let l of a)l.remove();de.value=j.value=tt.value=null}}function to(){return s`<${Te}
    label="Time range"
    of=${os}
    value=${ke.value}
    choose=${e=>{ke.value=e}}
  />`}function no({policy:e,specs:t}){let n=te([]),{drain_within_seconds:o}=e;Z(()=>_s(t,o,n.current.filter(r=>r!==null)),[t,o]);let a=()=>{j.peek()!==null&&eo(j.peek())};return s`<${hs} />
    <div class="lane-place" style=${{paddingLeft:`${nn}px`,paddingRight:`${on}px`}}><${ms} specs=${t} /></div>
    <div class="plots" onClick=${a}>
      ${t.map((r,i)=>s`<${bs}
          key=${r.id}
          spec=${r}
          hasTimeAxis=${i===t.length-1}
          place=${l=>{n.current[i]=l}}
        />`)}
    </div>`}function ws(){if(Le.value!==Ie.value)return"reading …";let{at:e,step:t}=xe.value,n=e[0],o=n===void 0?0:(e.at(-1)??n)-n,a=`a point each ${v(t)}`;return o<ke.value*.95?`${v(o)} are kept, ${a}`:a}function Lr({policy:e}){return Re.value,s`<${k} id="timeline" title="Timeline" class="whole" note=${ws()} tools=${s`<${to} />`}>
    <${no} policy=${e} specs=${tn} />
  <//>`}var ys=5;function $s({pool:e}){let t=Math.max(e.max,e.ready+e.booting+e.draining,1),n=(o,a)=>s`<span class=${a} style=${{width:`${o/t*100}%`}}></span>`;return s`<span class="slots" aria-hidden="true">
    ${n(e.ready,`swatch-${e.kind}`)}${n(e.draining,"slot-draining")}${n(e.booting,"swatch-booting")}
  </span>`}var ks=[{name:"Pool",isText:!0,show:e=>s`<${re} of=${e.kind} />${e.name}`,more:({cloud:e,machine:t,zone:n,region:o,market:a})=>[e,t,n||o,a].filter(Boolean).join(" · ")},{name:"Of its most",isText:!0,show:e=>s`<${$s} pool=${e} /><span class="slots-text">${f(e.ready+e.draining+e.booting)} of ${f(e.max)}</span>`},{name:"Ready",by:e=>e.ready,show:e=>f(e.ready)},{name:"Booting",by:e=>e.booting,show:e=>f(e.booting)},{name:"Draining",by:e=>e.draining,show:e=>f(e.draining)},{name:"Wanted",by:e=>e.desired,show:e=>f(e.desired)},{name:"Each does",by:e=>e.rate_per_worker,show:e=>A(e.rate_per_worker),more:e=>e.measured?"measured":"assumed"},{name:"Ready in",by:e=>e.boot_seconds,show:e=>v(e.boot_seconds)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>$(e.dollars_per_million)}];function xs(){let e=_t.value.slice(0,ys);return s`<${k} id="recent" title="Recent decisions" tools=${s`<a class="to" href="#/decisions">All decisions</a>`}>
    ${e.length===0?s`<${Ye}>${oe.value.size>0?"Nothing has been decided yet.":"Reading the log …"}<//>`:s`<ol class="entries">${e.map(t=>s`<li key=${t.id}><${Un} decision=${t} /></li>`)}</ol>`}
  <//>`}var Ss=tn.filter(({id:e})=>e==="backlog"||e==="workers");function Ir({policy:e}){let{orphans:t}=e;return s`<${kr} policy=${e} />
    <${Tr} policy=${e} />
    <${Sr} policy=${e} />
    <${k} id="course" title="Course" class="wide-part" note=${s`<a class="to" href="#/timeline">Timeline</a>`} tools=${s`<${to} />`}>
      <${no} policy=${e} specs=${Ss} />
    <//>
    <${xs} />
    <${k}
      id="pools"
      title="Pools"
      class="whole"
      note=${t!==null&&t>0?s`<${x} kind="bad">${f(t)} machines without an intent<//>`:void 0}
    >
      <${I} id="pools-table" label="Pools" columns=${ks} groups=${[{key:"all",rows:e.pools}]} keyOf=${n=>n.name} />
    <//>`}var Ts=64,Ns=1e3;function Cs(e,t){return Array.from({length:Math.ceil(e.length/t)},(n,o)=>e.slice(o*t,(o+1)*t))}function Ms({lag:e,lagMax:t,isNumbered:n}){let o=`partition ${e.partition}: ${e.lag===null?"lag unknown":`${f(e.lag)} waiting`}`,a=e.lag===null?"unknown":Cn(e.lag,t),r=e.lag===null?"?":be(e.lag);return s`<td class=${`heat heat-${a}`} title=${o}>
    ${n&&s`<span aria-hidden="true">${r}</span>`}<span class="sr">${e.lag===null?"unknown":f(e.lag)}</span>
  </td>`}function Ps({topic:e,lags:t,lagMax:n}){let o=t.length<=Ts,a=o?8:32;return s`<table class=${o?"strip":"strip strip-dense"}>
    <caption>${e}</caption>
    <thead class="sr">
      <tr>
        <th scope="col">From partition</th>
        ${Array.from({length:a},(r,i)=>s`<th scope="col">plus ${i}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${Cs(t.slice(0,Ns),a).map(r=>s`<tr>
          <th scope="row">${r[0]?.partition}</th>
          ${r.map(i=>s`<${Ms} key=${i.partition} lag=${i} lagMax=${n} isNumbered=${o} />`)}
          ${Array.from({length:a-r.length},()=>s`<td></td>`)}
        </tr>`)}
    </tbody>
  </table>`}function Vs(e){let t=e.filter(i=>i.lag!==null),n=t.reduce((i,l)=>i&&i.lag>=l.lag?i:l,null),o=e.length-t.length,a=o>0?`; ${f(o)} unknown`:"";if(!n)return e.length===0?"no partition is known":`lag of all ${f(e.length)} unknown`;let r=t.reduce((i,{lag:l})=>i+l,0)/t.length;return n.lag===0?`nothing waits${a}`:`most in ${n.partition}: ${f(n.lag)}, ${(n.lag/r).toFixed(1)} × the mean${a}`}function Hr({lagMax:e}){return s`<p class="heat-legend" aria-hidden="true">
    0 ${Array.from({length:Nn+1},(t,n)=>s`<span class=${`heat heat-${n}`}></span>`)} ${be(e)}
    <span class="heat heat-unknown"></span> unknown
  </p>`}function Es({lags:e,lagMax:t}){let n=e.map((o,a)=>`${o===null?"var(--heat-unknown)":`var(--heat-${Cn(o,t)})`} ${(a/e.length*100).toFixed(2)}% ${((a+1)/e.length*100).toFixed(2)}%`);return s`<span class="heat-strip" aria-hidden="true" style=${{"--stops":n.join()}}></span>`}var oo=e=>e.reduce((t,n)=>n===null?t:Math.max(t??0,n),null);function As(e,t){return[{name:"Partition",isText:!0,by:n=>n.partition,show:n=>String(n.partition),more:n=>n.topic},{name:t,isText:!0,show:n=>s`<${Es} lags=${n.lags} lagMax=${e} />`},{name:"Now",by:n=>n.lag,show:n=>f(n.lag)},{name:"Highest",by:n=>oo(n.lags),show:n=>f(oo(n.lags))},{name:"Read by",isText:!0,by:n=>n.owner,show:n=>n.is_stuck?s`<${x} kind="bad">stuck<//> ${n.owner}`:n.owner??s`<span class="note">nobody says so</span>`}]}function Ds(){let e=J(U("partitions?from=-1h&points=60"),10),{at:t=[],partitions:n=[],left_out:o=0}=e.value??{},a=n.reduce((c,{lag:p,lags:d})=>Math.max(c,p??0,oo(d)??0),0),r=n.filter(c=>c.is_stuck).length,i=t.length>1?`${V(t[0]).slice(0,5)} to ${V(t.at(-1)).slice(0,5)}`:"The last hour",l=[r>0?`${f(r)} stuck`:"none is stuck",...o>0?[`${f(o)} with less lag left out`]:[],...e.value?[`a cell each ${v(e.value.step_seconds)}`]:[]];return s`<${k} id="over-time" title="Over the last hour" class="whole" note=${e.value?l.join(", "):void 0}>
    <${Q} of=${e}>
      ${()=>s`<${I}
          id="partitions-table"
          label="Lag of each partition over time"
          columns=${As(a,i)}
          groups=${[{key:"all",rows:n}]}
          keyOf=${c=>`${c.topic}
${c.partition}`}
          empty="No partition is known: the topics cannot be read, or are not there yet."
        />
        <${Hr} lagMax=${a} />`}
    <//>
  <//>`}function Wr({policy:e}){let t=e.lags.reduce((o,{lag:a})=>Math.max(o,a??0),0),n=new Map;for(let o of e.lags)n.set(o.topic,[...n.get(o.topic)??[],o]);return s`<${k} id="partitions" title="Waiting now" class="whole" note=${Vs(e.lags)}>
      <div class="strips">
        ${[...n].map(([o,a])=>s`<${Ps} key=${o} topic=${o} lags=${a.sort((r,i)=>r.partition-i.partition)} lagMax=${t} />`)}
      </div>
      <${Hr} lagMax=${t} />
    <//>
    <${Ds} />`}var Os={"on-time":"M3.500 8.500l3 3 6-7","at-risk":"M8 3v6.500M8 12.800v.2",late:"M4 4l8 8M12 4l-8 8",holding:"M5.500 3.500v9M10.500 3.500v9",unknown:"M5.300 5.800a2.700 2.700 0 1 1 3.700 2.500c-.7.300-1 .8-1 1.500M8 12.800v.2"};function Rs({of:e}){return s`<span class=${`badge badge-${e}`}>
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d=${Os[e]} /></svg>
    ${Be[e]}
  </span>`}var Ls={connecting:"Connecting",live:"Live",lost:"Connection lost"};function Is(){let e=Ut.value,t=F.value==="live"&&$e.value?"stale":F.value,n=t==="stale"?"No news":Ls[F.value];return s`<div class=${`connection connection-${t}`}>
    <span class="connection-age">${e===null?"":e<2?"as of now":`as of ${v(Math.floor(e))} ago`}</span>
    <span class="dot" aria-hidden="true"></span>
    <span class="connection-text">${n}</span>
  </div>`}function Fr(){let e=Ut.value,t=$e.value&&e!==null,n=F.value==="lost"?"Connection to the controller lost; trying again.":"The controller sends nothing new.";return s`<aside class="notice-place" aria-label="Connection">
    ${t&&s`<div class="notice">
      <strong>${n}</strong> <span>What is shown is ${v(Math.floor(e))} old.</span>
    </div>`}
  </aside>`}function jr(){let e=X.value,t=F.value==="lost"?"Connection lost. ":"";return s`<div class="sr" role="status">${t}${e?`${e.name}: ${Be[Oe(e)]}`:""}</div>`}function Hs({policies:e,current:t}){if(e.length<2)return null;let n=(o,a)=>{o.metaKey||o.ctrlKey||o.shiftKey||(o.preventDefault(),zo(a))};return s`<nav class="policies" aria-label="Policies">
    ${e.map(o=>s`<a
        key=${o.name}
        href=${`?policy=${encodeURIComponent(o.name)}`}
        aria-current=${o.name===t?"page":void 0}
        onClick=${a=>n(a,o.name)}
      >
        <span class=${`dot dot-${Oe(o)}`} aria-hidden="true"></span>${o.name}<span class="sr">, ${Be[Oe(o)]}</span>
      </a>`)}
  </nav>`}function Ws({policy:{mode:e,pause:t,overrides:n}}){let o=a=>a===null?"":` until ${V(N(a)).slice(0,5)}`;return s`${e==="Recommend"&&s`<${x} kind="quiet">Recommends only<//>`}
    ${t&&s`<a href="#/control"><${x} kind="trouble">Paused${o(t.until)}<//></a>`}
    ${n.map(a=>s`<a href="#/control" key=${a.id}><${x} kind="trouble">${a.pool} overridden${o(a.until)}<//></a>`)}`}var Tt=b(!1);function zr(){let e=ue.value,t=()=>{Tt.value=!1};return s`<header class=${`rail ${Tt.value?"is-open":""}`}>
    <a class="brand" href="#/" onClick=${t}><img src="icon.svg" width="24" height="24" alt="" /> Spillway</a>
    <button
      type="button"
      class="button menu"
      aria-expanded=${Tt.value}
      aria-controls="menu"
      onClick=${()=>{Tt.value=!Tt.value}}
    >
      ${Je.value} <span aria-hidden="true">▾</span><span class="sr">, menu</span>
    </button>
    <nav id="menu" aria-label="Screens">
      ${qt.map(([n,o])=>s`<a key=${n} href=${`#/${n}`} aria-current=${n===e?"page":void 0} onClick=${t}>${o}</a>`)}
    </nav>
  </header>`}function Br(){let e=X.value;return s`<section class=${$e.value?"top is-stale":"top"} aria-label="Policy and connection">
    <div class="top-row">
      <h1>${e?.name??"Spillway"}</h1>
      ${e&&s`<${Rs} of=${Oe(e)} /><${Ws} policy=${e} />`}
      <${Is} />
    </div>
    ${e&&s`<${Hs} policies=${W.value?.policies??[]} current=${e.name} />`}
  </section>`}function Ur(){let e=B.value;return s`<footer>
    <span>Spillway ${W.value?.version??""}</span>
    ${e&&s`<span>${e.user??"nobody in particular"}, ${e.may_operate?"may read and order":"may read only"}</span>`}
    <span>times of this browser's zone, days of UTC</span>
    <a href="licences.txt">Licences</a>
  </footer>`}function Gr(){let e=te(null),t=te(!0),n=ue.value;return Z(()=>{t.current||(e.current?.focus({preventScroll:!0}),scrollTo(0,0)),t.current=!1},[n]),e}var Fs=[1,6,24,72,168].map(e=>[e,e<48?`${e}h`:`${e/24}d`]),ro=b(6),an=b(null),sn=b(!1),pe=b(null),Kr=L(()=>pe.value instanceof ne?pe.value.problem.problems??[]:[]);async function js(e,t){sn.value=!0,pe.value=null;try{pe.value=await ge(e,"what-if",{yaml:t,hours:ro.peek()})}catch(n){Se(n),pe.value=n instanceof Error?n:new Error(String(n))}finally{sn.value=!1}}var zs=[{name:"Cost in all",by:e=>e.total_cost,show:e=>$(e.total_cost)},{name:"Burst",by:e=>e.burst_cost,show:e=>$(e.burst_cost)},{name:"Base",by:e=>e.base_cost,show:e=>$(e.base_cost)},{name:"Late jobs",by:e=>e.late_jobs,show:e=>`${f(e.late_jobs)}${e.late_share===null?"":` (${(e.late_share*100).toFixed(2)}%)`}`},{name:"Longest wait",by:e=>e.wait_max_seconds,show:e=>v(e.wait_max_seconds)},{name:"Usual wait",by:e=>e.wait_p50_seconds,show:e=>v(e.wait_p50_seconds)},{name:"Launches",by:e=>e.launches,show:e=>f(e.launches)}];function Bs({by:e},{current:t,edited:n}){let o=e(t),a=e(n);if(o===null||a===null)return s`<span class="unknown">unknown</span>`;if(o===a)return s`<span class="note">the same</span>`;let r=o>0?` ${q(Math.abs(a-o)/o)}`:"";return s`<${x} kind=${a<o?"action":"trouble"}>${a<o?"▼":"▲"}${r||" more"}<span class="sr">${a<o?" less":" more"}</span><//>`}function Us(e){return[{name:"Figure",isText:!0,show:({name:t})=>t},{name:"In force",show:({show:t})=>t(e.current)},{name:"Edited",show:({show:t})=>t(e.edited)},{name:"Change",show:t=>Bs(t,e)}]}var Gs={"+":"added","-":"removed","@":"place"};function Ks({of:e}){return s`<pre class="diff" tabindex="0" aria-label="Changes of the policy">${e.split(`
`).map(t=>s`<span class=${`line-${Gs[t[0]]??"same"}`}>${t}${`
`}</span>`)}</pre>`}var Xr=b("");function qr({text:e,name:t}){return s`<button type="button" class="button small" onClick=${async()=>{Xr.value=await navigator.clipboard.writeText(e).then(()=>`${t} copied`,()=>"this browser does not let it be copied")}}>Copy ${t}</button>`}function qs({current:e,edited:t}){let[n,o]=[e.total_cost,t.total_cost],a=n===null||o===null?"What it would have cost is unknown":o===n?"It would have cost the same":`It would have cost ${$(Math.abs(o-n))} ${o<n?"less":"more"}`,r=t.late_jobs===null?"how many jobs would have been late is unknown":t.late_jobs===0?"no job would have been late":`${f(t.late_jobs)} jobs would have been late, against ${f(e.late_jobs)}`;return`${a}, and ${r}.`}function Xs({answer:e}){let{arrivals:t,gaps_seconds:n,differences:o,diff:a,kubectl:r,how:i,edited:l}=e,c=p=>`${we(N(p))} ${V(N(p))}`;return s`<${k} id="outcome" title="What would have been" class="whole" note=${`${c(e.from)} to ${c(e.to)}, ${f(t)} images`}>
      <p class="sentence" role="status">${qs(e)}</p>
      ${l.budget_exceeded&&s`<p><${x} kind="bad">The edited policy would have been over its budget<//></p>`}
      ${n>0&&s`<p><${x} kind="trouble">${v(n)} were not recorded and count as without arrivals<//></p>`}
      <${I} id="what-if-table" label="Both policies" columns=${Us(e)} groups=${[{key:"all",rows:zs}]} keyOf=${p=>p.name} />
      <p class="note">${i}</p>
    <//>
    <${k} id="diff" title="The change" class="half" tools=${s`<span class="buttons"><${qr} text=${a} name="diff" /><${qr} text=${r} name="command" /></span>`}>
      ${a?s`<${Ks} of=${a} />`:s`<p class="empty">Nothing was changed: both are the policy in force.</p>`}
      <p class="note" role="status">${Xr.value}</p>
    <//>
    <${k} id="differences" title="Decided otherwise" class="half" note=${o?`${f(o.different)} of ${f(o.plans)} plans`:void 0}>
      ${o?o.first.length===0?s`<p class="empty">Every recorded moment would have been decided in the same way.</p>`:s`<ol class="actions">${o.first.map(p=>s`<li><time datetime=${p.at}>${c(p.at)}</time><span class="line-removed">${p.recorded}</span><span class="line-added">${p.edited}</span></li>`)}</ol>`:s`<p class="empty">The journal does not reach these hours: only the simulator speaks.</p>`}
    <//>`}function Js({of:e}){return s`<ol class="problems">
    ${e.map(({path:t,line:n,column:o,message:a,help:r})=>s`<li><strong>${n===null?t:`line ${n}${o===null?"":`, column ${o}`}`}</strong> ${n===null?"":s`<code>${t}</code>`} ${a}${r?s` <span class="note">${r}</span>`:null}</li>`)}
  </ol>`}function Ys({policy:e,manifest:t}){let n=an.value??t.yaml,o=pe.value instanceof Error?pe.value:null,a=()=>{an.value=null,pe.value=null};return s`<form
    onSubmit=${r=>{r.preventDefault(),js(e,n)}}
  >
    <textarea
      class="editor"
      aria-label="Policy as YAML"
      aria-invalid=${Kr.value.length>0?"true":void 0}
      aria-describedby="what-if-failure"
      spellcheck=${!1}
      rows="18"
      value=${n}
      onInput=${r=>{an.value=r.currentTarget.value}}
    ></textarea>
    <div id="what-if-failure" role="alert">${o&&s`<p class="failure">${ve(o)}</p><${Js} of=${Kr.value} />`}</div>
    <div class="buttons">
      <button type="button" class="button" disabled=${an.value===null} onClick=${a}>Back to the policy in force</button>
      <button class="button button-main" disabled=${sn.value}>${sn.value?"Playing …":"Play"}</button>
    </div>
  </form>`}function Jr({policy:e}){let t=J(`policies/${encodeURIComponent(e.name)}/manifest`,60),n=pe.value;return s`<${k}
      id="what-if"
      title="What if"
      class="whole"
      note="edit the policy, play it over what was recorded; nothing is changed"
      tools=${s`<${Te}
        label="Hours to play"
        of=${Fs}
        value=${ro.value}
        choose=${o=>{ro.value=o}}
      />`}
    >
      <${Q} of=${t}>${o=>s`<${Ys} policy=${e.name} manifest=${o} />`}<//>
    <//>
    ${n&&!(n instanceof Error)&&s`<${Xs} answer=${n} />`}`}var Qs={"":Ir,timeline:Lr,decisions:gr,fleet:br,partitions:Wr,market:yr,cost:pr,"what-if":Jr,control:ur,health:wr};function Zs(){let e=W.value?"The controller has no policy yet. Give it one with spillway run --policy FILE, or as a ScalingPolicy in its namespace.":F.value==="lost"?"The controller does not answer; trying again.":"Waiting for the controller …";return s`<p class="empty empty-page">${e}</p>`}function el(){let e=X.value;if(B.value&&!B.value.may_read)return s`<${en} />`;if(!e)return s`<${Zs} />`;let t=ue.value;return t===null?s`<p class="empty empty-page">There is no such screen. <a href="#/">To the overview</a></p>`:s`<${Qs[t]} key=${e.name} policy=${e} />`}function Yr(){let e=Gr();return s`<a
      class="skip"
      href="#main"
      onClick=${t=>{t.preventDefault(),e.current?.focus()}}
      >To the content</a
    >
    <${zr} />
    <div class="page">
      <${Br} />
      <main id="main" tabindex="-1" ref=${e} aria-label=${Je.value} class=${`screen-${ue.value||"overview"} ${$e.value?"is-stale":""}`}>
        <${el} />
      </main>
      <${Ur} />
    </div>
    <${Fr} />
    <${rr} />
    <${jr} />`}var Qr=document.getElementById("app");Qr&&vn(s`<${Yr} />`,Qr);z(()=>{let e=X.value,t=$e.value?"No news":e&&Be[Oe(e)];document.title=e?`${t} · ${e.name} · ${Je.value} · Spillway`:"Spillway"});er();})();
