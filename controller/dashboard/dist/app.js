"use strict";(()=>{var T,mo,mn,_e,pn,Rt,ho,At,go,hn,fn,ia,lt=Symbol.for("pv"),Lt={},It=[],sa=/^m(i|n|o|s|text|space)$/,gn=Array.isArray,vn=It.slice,De=Object.assign;function Ee(e){e&&e.parentNode&&e.remove()}function ct(e,t,n){var o,r,a,i={},l=arguments.length;for(a in t)a=="key"?o=t[a]:a=="ref"&&typeof e!="function"?r=t[a]:i[a]=t[a];return l>2&&(i.children=l>3?vn.call(arguments,2):n),st(e,i,o,r,null)}function st(e,t,n,o,r){var a={type:e,props:t,key:n,ref:o,__k:null,__:null,__b:0,__e:null,__c:null,constructor:lt,__v:r||++mo,__i:-1,__u:0};return!r&&T.vnode&&T.vnode(a),a}function Oe(e){return e.children}function Ae(e,t){this.props=e,this.context=t,this.__g=0}function we(e,t){if(t==null)return e.__&&we(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!="function"||e.props.__P?null:we(e)}function la(e){var t,n=e.__v,o=n.__e,r=[],a=[],i=e.__P;i&&((t=De({constructor:lt},n)).__v=n.__v+1,T.vnode&&T.vnode(t),bn(i,t,n,e.__n,i.namespaceURI,32&n.__u?[o]:null,r,o||we(n),32&n.__u,a),t.__v=n.__v,t.__.__k[t.__i]=t,yo(r,t,a),n.__=n.__e=null,t.__e!=o&&vo(t))}function vo(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),vo(e)}function po(e){(8&e.__g||(e.__g|=8,_e.push(e),Rt++))&&pn==T.debounceRendering||((pn=T.debounceRendering)||queueMicrotask)(bo)}function bo(){try{for(var e,t=1;_e.length;)_e.length>t&&_e.sort(ho),e=_e.shift(),t=_e.length,8&e.__g&&la(e)}finally{(Rt=_e.length)&&(pn||queueMicrotask)(bo)}}function _o(e,t,n,o,r,a,i,l,c,p,d){var m,h,u,g,$,v,k=o.__k||It,_=t.length;for(c=ca(n,t,k,c,_),m=0;m<_;m++)(u=n.__k[m])!=null&&(h=~u.__i&&k[u.__i]||Lt,u.__i=m,v=bn(e,u,h,r,a,i,l,c,p,d),g=u.__e,(h.ref!=u.ref||8&h.__u)&&(h.ref&&_n(h.ref,null,u,h),u.ref&&d.push(u.ref,u.__c||g,u)),$=$||g,4&u.__u?(c=wo(u,c,e,!h.__v),h.__e&&(h.__e=null)):typeof u.type=="function"&&v!==void 0?c=v:g&&(c=g.nextSibling),u.__u&=-21);return n.__e=$,c}function ca(e,t,n,o,r){var a,i,l,c,p,d,m,h,u,g=n.length,$=g,v=0,k=0,_=e.__k=Array(r);for(a=0;a<r;a++)(i=t[a])!=null&&typeof i!="boolean"&&typeof i!="function"?(typeof i!="object"||i.constructor===String?i=_[a]=st(null,i):gn(i)?i=_[a]=st(Oe,{children:i}):i.constructor===lt&&i.__b?i=_[a]=st(i.type,i.props,i.key,i.ref,i.__v):_[a]=i,c=a+v,i.__=e,i.__b=e.__b+1,l=null,~(p=i.__i=ua(i,n,c,$))&&($--,(l=n[p])&&(l.__u|=2)),l&&l.__v?(i.__u|=16,p==c-1?v--:p==c+1?v++:p!=c&&(p>c?v--:v++,k=1)):(~p||(r>g?v--:r<g&&v++),typeof i.type!="function"&&(i.__u|=4))):_[a]=null;if(k){for(d=[],m=[],a=0;a<r;a++)if((i=_[a])&&16&i.__u){for(v=0,h=d.length;v<h;)d[u=v+h>>1]<i.__i?v=u+1:h=u;d[v]=i.__i,m[a]=v+1}for(v=d.length;a--;)m[a]&&(m[a]==v?v--:_[a].__u|=4)}if($)for(a=0;a<g;a++)!(l=n[a])||2&l.__u||(l.__e==o&&(o=we(l)),wn(l,l));return o}function wo(e,t,n,o){var r,a,i,l;if(typeof e.type=="function"){if(e.props.__P)return t;if(r=e.__k)for(a=0;a<r.length;a++)r[a]&&(r[a].__=e,t=wo(r[a],t,n,!1));return t}for(t&&!t.parentNode&&(t=we(e))&&!t.parentNode&&(t=null),i=e.__e,l=t;l&&l.nodeType==8;)l=l.nextSibling;for(i!=l&&(!o&&n.moveBefore&&i.parentNode?n.moveBefore(i,t):n.insertBefore(i,t||null)),t=i;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function ua(e,t,n,o){var r,a=e.key,i=e.type,l=t[n],c=l&&!(2&l.__u);if(l===null&&a==null||c&&a==l.key&&i==l.type)return n;if(o>(c?1:0)){for(r=n-1;r>=0;r--)if((l=t[r])&&!(2&l.__u)&&a==l.key&&i==l.type)return r;for(r=n+1;r<t.length;r++)if((l=t[r])&&!(2&l.__u)&&a==l.key&&i==l.type)return r}return-1}function fo(e,t,n){n==null&&(n=""),t[0]=="-"?e.setProperty(t,n):e[t]=n}function Dt(e,t,n,o,r){var a,i;if(t=="style")if(typeof n=="string")e.style.cssText=n;else{if(typeof o=="string"&&(e.style.cssText=o=""),o)for(t in o)n&&t in n||fo(e.style,t);if(n)for(t in n)o&&n[t]==o[t]||fo(e.style,t,n[t])}else if(t[0]=="o"&&t[1]=="n")typeof n!="function"&&(n=null),typeof o!="function"&&(o=null),(e.__e||(e.__e={}))[t]=n,n&&o||(i=fn[t]||(fn[t]=da(t)),(e.__a||(e.__a={}))[t]=hn,a=t!=(t=t.replace(go,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),n?e.addEventListener(t,i,a):e.removeEventListener(t,i,a));else{if(r=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&n==1?"":n)}}function da(e){return function(t){var n=this.__e;if(n){if(n=n[e],t[At]==null)t[At]=hn++;else if(t[At]<this.__a[e])return;return n(T.event?T.event(t):t)}}}function bn(e,t,n,o,r,a,i,l,c,p){var d,m,h,u,g,$,v,k,_,M,V,at,it,Me,Ve,uo,be,Pe,ce=t.type;if(t.constructor!==lt)return null;128&n.__u&&(c=32&n.__u,d=n.__c.__z)&&(t.__u|=c,m=a=[],d.nodeType==8?l=Ot(d,a):a.push(d),l=a[0]||l),(d=T.__b)&&d(t);e:if(typeof ce=="function"){h=i.length;try{if(k=t.props,_=(d=ce.prototype)&&d.render,M=(d=ce.contextType)&&o[d.__c],V=d?M?M.props.value:d.__:o,(u=n.__c)?(t.__c=u,2&u.__g&&(u.__g|=1)):(_?t.__c=u=new ce(k,V):(t.__c=u=new Ae(k,V),u.constructor=ce,u.render=fa),M&&M.sub(u),u.state||(u.state={}),u.__n=o,u.__g|=8,u.__h=[],u.__k=[]),_&&(u.__s||(u.__s=u.state),ce.getDerivedStateFromProps&&(u.__s==u.state&&(u.__s=De({},u.__s)),De(u.__s,ce.getDerivedStateFromProps(k,u.__s)))),g=u.props,$=u.state,u.__v=t,n.__c){if(k!==g&&_&&!ce.getDerivedStateFromProps&&u.componentWillReceiveProps&&u.componentWillReceiveProps(k,V),t.__v==n.__v&&!(8&u.__g)||!(4&u.__g)&&u.shouldComponentUpdate&&u.shouldComponentUpdate(k,u.__s,V)===!1){t.__v!=n.__v&&(u.props=k,u.state=u.__s,u.__g&=-9),t.__e=n.__e,t.__k=n.__k,t.__k.some(function(Y){Y&&(Y.__=t)}),It.push.apply(u.__h,u.__k),u.__k=[],u.__h.length&&i.push(u),l=we(n);break e}u.componentWillUpdate&&u.componentWillUpdate(k,u.__s,V),_&&u.componentDidUpdate&&u.__h.push(function(){u.componentDidUpdate(g,$,v)})}else _&&!ce.getDerivedStateFromProps&&u.componentWillMount&&u.componentWillMount(),_&&u.componentDidMount&&u.__h.push(u.componentDidMount);u.context=V,u.props=k,u.__P=e,u.__g&=-5,at=T.__r,it=_?25:0;do u.__g&=-9,at&&at(t),d=u.render(u.props,u.state=u.__s,u.context);while(8&u.__g&&++it<25);_&&(It.push.apply(u.__h,u.__k),u.__k=[]),u.state=u.__s,u.getChildContext&&(o=De({},o,u.getChildContext())),_&&n.__c&&u.getSnapshotBeforeUpdate&&(v=u.getSnapshotBeforeUpdate(g,$)),Me=d&&d.type===Oe&&d.key==null?d.props.children:d,k.__P&&(d=l,r=(e=k.__P).namespaceURI,c=a=null,n.props&&n.props.__P!=e&&(n.__k.some(function(Y){Y&&wn(Y,Y)}),n.__k=null),l=n.__k?we(n,0):null),l=_o(e,gn(Me)?Me:[Me],t,n,o,r,a,i,l,c,p),k.__P&&(t.__e=null,l=d),t.__u&=-161,m&&m.some(Ee),u.__h.length&&i.push(u),1&u.__g&&(u.__g&=-4)}catch(Y){if(i.length=h,t.__v=null,c||a)if(Y&&Y.then){if(t.__u|=128|c,a){for(~(be=a.indexOf(l||void 0))||(be=a.length);(Pe=a[be-1])&&Pe.nodeType==8;)be--;for(;be<a.length;be++)if(Pe=a[be])if(a[be]=null,Ve){if(Pe==uo)break}else{if(Pe.nodeType!=8)break;Pe.data.startsWith("$s")&&(uo=Ot(Ve=Pe))}}if(!Ve){for(;l&&l.nodeType==8&&l.nextSibling;)l=l.nextSibling;Ve=l}(d=Ot(Ve=t.__c.__z||(t.__c.__z=Ve)))?(t.__e=Ve,l=d):t.__e=l,l=l&&l.nextSibling}else a&&a.some(Ee);else t.__e=n.__e;t.__k||(t.__k=n.__k||[]),Y&&Y.then||$o(t),T.__e(Y,t,n)}}else l=t.__e=pa(n.__e,t,n,o,r,a,i,c,p,e);return(d=T.diffed)&&d(t),l}function Ot(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))n++;else if(e.data.startsWith("/$s")&&!--n)return e}t&&t.push(e)}}function $o(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some($o))}function yo(e,t,n){for(var o=0;o<n.length;)_n(n[o++],n[o++],n[o++]);T.__c&&T.__c(t,e),e.some(function(r){try{e=r.__h,r.__h=[],e.some(function(a){a.call(r)})}catch(a){T.__e(a,r.__v)}})}function pa(e,t,n,o,r,a,i,l,c,p){var d,m,h,u,g,$,v,k,_=n.props||Lt,M=t.props,V=t.type;if(V=="svg"?r="http://www.w3.org/2000/svg":V=="math"?r="http://www.w3.org/1998/Math/MathML":r||(r="http://www.w3.org/1999/xhtml"),a){for(d=0;d<a.length;d++)if((g=a[d])&&(V?g.localName==V:g.nodeType==3)){e=g,a[d]=null;break}}if(!e){if(k=p.ownerDocument||document,!V)return k.createTextNode(M);e=k.createElementNS(r,V,M.is?M:p),l&&(T.__m&&T.__m(t,a),l=!1),a=null}if(V){if(p=V=="template"&&e.content||e,a=V=="textarea"&&M.defaultValue!=null?null:a&&vn.call(p.childNodes),!l&&a)for(_={},d=0;d<e.attributes.length;d++)_[(g=e.attributes[d]).name]=g.value;for(d in _)g=_[d],d=="dangerouslySetInnerHTML"?h=g:d=="children"||d in M||d=="value"&&"defaultValue"in M||d=="checked"&&"defaultChecked"in M||Dt(e,d,null,g,r);for(d in M)g=M[d],d=="children"?u=g:d=="dangerouslySetInnerHTML"?m=g:d=="value"?$=g:d=="checked"?v=g:l&&typeof g!="function"||_[d]===g||Dt(e,d,g,_[d],r);m?(l||h&&(m.__html==h.__html||m.__html==e.innerHTML)||(e.innerHTML=m.__html),t.__k=[]):(h&&(e.textContent=""),(V=="foreignObject"||r=="http://www.w3.org/1998/Math/MathML"&&sa.test(V))&&(r="http://www.w3.org/1999/xhtml"),_o(p,gn(u)?u:[u],t,n,o,r,a,i,a?a[0]:n.__k&&we(n,0),l,c),a&&a.some(Ee)),l&&V!="textarea"||(d="value",V=="progress"&&$==null?e.removeAttribute(d):$==null||$===e[d]&&(V!="progress"||$)||Dt(e,d,$,_[d],r),d="checked",v!=null&&v!=e[d]&&Dt(e,d,v,_[d],r))}else _===M||l&&e.data==M||(e.data=M);return e}function _n(e,t,n,o){try{typeof e=="function"?t?t.__x=e(t)||1:o&&(o=o.__c||o.__e)&&(t=o.__x)&&(o.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(r){T.__e(r,n)}}function wn(e,t,n){var o,r,a,i;if(T.unmount&&T.unmount(e),!(o=e.ref)||o.current&&o.current!=e.__e||_n(o,null,t,e),o=e.__c){if(o.componentWillUnmount)try{o.componentWillUnmount()}catch(l){T.__e(l,t)}o.__P=o.__n=null}if(o=e.__k)for(i=0;i<o.length;i++)o[i]&&wn(o[i],t,typeof e.type!="function"||n&&!e.props.__P);!n&&(o=e.__c)&&(o=o.__z)&&(r=Ot(o,a=[]))&&(o==e.__e&&a.some(Ee),Ee(r),Ee(o)),n||Ee(e.__e),e.__e=e.__c=e.__=null}function fa(e,t,n){return this.constructor(e,n)}function $n(e,t){var n,o,r,a;T.__&&T.__(e,t),t.nodeType==9&&(t=t.documentElement),o=(n=e&&32&e.__u)?null:t.__k,t.__k=st(Oe,{children:[e]}),r=[],a=[],bn(t,t.__k,o||Lt,Lt,t.namespaceURI,o?null:t.firstChild?vn.call(t.childNodes):null,r,o?o.__e:t.firstChild,n,a),yo(r,t.__k,a),t.__k.props.children=null}T={__e:function(e,t,n,o){for(var r,a,i;t=t.__;)if((r=t.__c)&&!(1&r.__g)){r.__g|=4;try{if((i=(a=r.constructor)&&a.getDerivedStateFromError)&&r.setState(a.getDerivedStateFromError(e)),r.componentDidCatch&&(r.componentDidCatch(e,o||{}),i=1),i&&8&r.__g)return void(r.__g|=2)}catch(l){e=l}}throw Rt=0,e}},mo=0,mn=function(e){return e!=null&&e.constructor===lt},Ae.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=De({},this.state)),typeof e=="function"&&(e=e(De({},n),this.props)),e&&(De(n,e),this.__v&&(t&&this.__k.push(t),po(this)))},Ae.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),po(this))},Ae.prototype.render=Oe,_e=[],Rt=0,ho=function(e,t){return e.__v.__b-t.__v.__b},At=Symbol(),go=/(PointerCapture)$|Capture$/i,hn=0,fn={},ia=0;var dt,R,yn,ko,kn=Object.is,Wt=0,Eo=[],xn=[],O=T,xo=O.__b,So=O.__r,No=O.diffed,To=O.__c,Co=O.unmount,Mo=O.__;function Nn(e,t){O.__h&&O.__h(R,e,Wt||t),Wt=0;var n=R.__H||(R.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function pt(e){return Wt=1,ma(Ao,e)}function ma(e,t,n){var o=Nn(dt++,2);if(o.t=e,!o.__c&&(o.__=[n?n(t):Ao(void 0,t),function(a){var i=(o.__N||o.__)[0],l=o.t(i,a);kn(i,l)||(o.__N=[l,o.__[1]],o.__c.setState({}))}],o.__c=R,!R.__f)){R.__f=!0;var r=R.shouldComponentUpdate;R.shouldComponentUpdate=function(a,i,l){var c=this.__H;if(!c)return!0;var p=!1,d=this.props!=a;if(c.__.some(function(h){h.__N&&(p=!0,kn(h.__[0],h.__N[0])||(d=!0))}),r){var m=r.call(this,a,i,l);return p?m||d:m}return!p||d}}return o.__}function K(e,t){var n=Nn(dt++,3);!O.__s&&Do(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,R.__H.__h.push(n))}function Q(e){return Wt=5,Ht(function(){return{current:e}},[])}function Ht(e,t){var n=Nn(dt++,7);return Do(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function ha(){var e;do{for(;e=xn.shift();)try{ut(e)}catch(n){O.__e(n,{__:(e=e.__P)&&e.__v})}for(;e=Eo.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(ut),t.__h.some(Sn),t.__h=[]}catch(n){t.__h=[],O.__e(n,e.__v)}}}while(xn.length)}O.__b=function(e){R=null,xo&&xo(e)},O.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),Mo&&Mo(e,t)},O.__r=function(e){So&&So(e),dt=0;var t=(R=e.__c).__H;t&&(yn==R?R.__h=[]:(t.__h.some(ut),t.__h.some(Sn),dt=0),t.__h=[],t.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),yn=R},O.diffed=function(e){No&&No(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&Po(Eo.push(t)),t.__H.__.some(function(n){n.u&&(n.__H=n.u)})),yn=R=null},O.__c=function(e,t){t.some(function(n){try{n.__h.some(ut),n.__h=n.__h.filter(function(o){return!o.__||Sn(o)})}catch(o){n.__h=[function(){throw o}]}}),To&&To(e,t)},O.unmount=function(e){Co&&Co(e);var t,n,o=e.__c;o&&o.__H&&(o.__H.__.some(function(r){try{if(r.__P&&r.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}r.__P=n,Po(xn.push(r))}else ut(r)}catch(a){t=a}}),o.__H=void 0,t&&O.__e(t,o.__v))};var Vo=typeof requestAnimationFrame=="function";function ga(e){var t,n=function(){clearTimeout(o),Vo&&cancelAnimationFrame(t),setTimeout(e)},o=setTimeout(n,35);Vo&&(t=requestAnimationFrame(n))}function Po(e){e!=1&&ko==O.requestAnimationFrame||((ko=O.requestAnimationFrame)||ga)(ha)}function ut(e){var t=R,n=e.__c;typeof n=="function"&&(e.__c=void 0,n()),R=t}function Sn(e){var t=R;e.__c=e.__(),R=t}function Do(e,t){return!e||e.length!=t.length||t.some(function(n,o){return!kn(n,e[o])})}function Ao(e,t){return typeof t=="function"?t(e):t}var va=Symbol.for("preact-signals");function Bt(){if(ue>1)ue--;else{var e,t=!1;for((function(){var r=jt;for(jt=void 0;r!==void 0;){var a=r.S;if(a.v===r.v)for(var i=a.t;i!==void 0;i=i.x)i.i===r.i&&(i.i=a.i);r=r.o}})();mt!==void 0;){var n=mt;for(mt=void 0,Ft++;n!==void 0;){var o=n.u;if(n.u=void 0,n.f&=-3,!(8&n.f)&&Ro(n))try{n.c()}catch(r){t||(e=r,t=!0)}n=o}}if(Ft=0,ue--,t)throw e}}function Cn(e){if(ue>0)return e();Tn=++ba,ue++;try{return e()}finally{Bt()}}var ft,P=void 0;function ht(e){var t=P,n=ft;P=void 0,ft=void 0;try{return e()}finally{P=t,ft=n}}var mt=void 0,ue=0,Ft=0,ba=0,Tn=0,jt=void 0,zt=0;function Oo(e){if(P!==void 0){var t=e.n;if(t===void 0||t.t!==P)return t={i:0,S:e,p:P.s,n:void 0,t:P,e:void 0,x:void 0,r:t},P.s!==void 0&&(P.s.n=t),P.s=t,e.n=t,32&P.f&&e.S(t),t;if(t.i===-1)return t.i=0,t.n!==void 0&&(t.n.p=t.p,t.p!==void 0&&(t.p.n=t.n),t.p=P.s,t.n=void 0,P.s.n=t,P.s=t),t}}function L(e,t){this.v=e,this.i=0,this.n=void 0,this.t=void 0,this.l=0,this.W=t?.watched,this.Z=t?.unwatched,this.name=t?.name}L.prototype.brand=va;L.prototype.h=function(){return!0};L.prototype.S=function(e){var t=this,n=this.t;n!==e&&e.e===void 0&&(e.x=n,this.t=e,n!==void 0?n.e=e:ht(function(){var o;(o=t.W)==null||o.call(t)}))};L.prototype.U=function(e){var t=this;if(this.t!==void 0){var n=e.e,o=e.x;n!==void 0&&(n.x=o,e.e=void 0),o!==void 0&&(o.e=n,e.x=void 0),e===this.t&&(this.t=o,o===void 0&&ht(function(){var r;(r=t.Z)==null||r.call(t)}))}};L.prototype.subscribe=function(e){var t=this;return U(function(){var n=t.value;ht(function(){return e(n)})},{name:"sub"})};L.prototype.valueOf=function(){return this.value};L.prototype.toString=function(){return this.value+""};L.prototype.toJSON=function(){return this.value};L.prototype.peek=function(){var e=this;return ht(function(){return e.value})};Object.defineProperty(L.prototype,"value",{get:function(){var e=Oo(this);return e!==void 0&&(e.i=this.i),this.v},set:function(e){if(e!==this.v){if(Ft>100)throw new Error("Cycle detected");(function(n){ue!==0&&Ft===0&&n.l!==Tn&&(n.l=Tn,jt={S:n,v:n.v,i:n.i,o:jt})})(this),this.v=e,this.i++,zt++,ue++;try{for(var t=this.t;t!==void 0;t=t.x)t.t.N()}finally{Bt()}}}});function b(e,t){return new L(e,t)}function Ro(e){for(var t=e.s;t!==void 0;t=t.n)if(t.S.i!==t.i||!t.S.h()||t.S.i!==t.i)return!0;return!1}function Lo(e){for(var t=e.s;t!==void 0;t=t.n){var n=t.S.n;if(n!==void 0&&(t.r=n),t.S.n=t,t.i=-1,t.n===void 0){e.s=t;break}}}function Io(e){for(var t=e.s,n=void 0;t!==void 0;){var o=t.p;t.i===-1?(t.S.U(t),o!==void 0&&(o.n=t.n),t.n!==void 0&&(t.n.p=o)):n=t,t.S.n=t.r,t.r!==void 0&&(t.r=void 0),t=o}e.s=n}function Re(e,t){L.call(this,void 0,t),this.x=e,this.s=void 0,this.g=zt-1,this.f=4}Re.prototype=new L;Re.prototype.h=function(){if(this.f&=-3,1&this.f)return!1;if((36&this.f)==32||(this.f&=-5,this.g===zt))return!0;if(this.g=zt,this.f|=1,this.i>0&&!Ro(this))return this.f&=-2,!0;var e=P;try{Lo(this),P=this;var t=this.x();(16&this.f||this.v!==t||this.i===0)&&(this.v=t,this.f&=-17,this.i++)}catch(n){this.v=n,this.f|=16,this.i++}return P=e,Io(this),this.f&=-2,!0};Re.prototype.S=function(e){if(this.t===void 0){this.f|=36;for(var t=this.s;t!==void 0;t=t.n)t.S.S(t)}L.prototype.S.call(this,e)};Re.prototype.U=function(e){if(this.t!==void 0&&(L.prototype.U.call(this,e),this.t===void 0)){this.f&=-33;for(var t=this.s;t!==void 0;t=t.n)t.S.U(t)}};Re.prototype.N=function(){if(!(2&this.f)){this.f|=6;for(var e=this.t;e!==void 0;e=e.x)e.t.N()}};Object.defineProperty(Re.prototype,"value",{get:function(){if(1&this.f)throw new Error("Cycle detected");var e=Oo(this);if(this.h(),e!==void 0&&(e.i=this.i),16&this.f)throw this.v;return this.v}});function I(e,t){return new Re(e,t)}function Wo(e){var t=e.j;if(e.j=void 0,typeof t=="function"){ue++;var n=P;P=void 0;try{t()}catch(o){throw e.f&=-2,e.f|=8,Mn(e),o}finally{P=n,Bt()}}}function Mn(e){for(var t=e.s;t!==void 0;t=t.n)t.S.U(t);e.x=void 0,e.s=void 0,Wo(e)}function _a(e){if(P!==this)throw new Error("Out-of-order effect");Io(this),P=e,this.f&=-2;try{8&this.f&&Mn(this)}finally{Bt()}}function Be(e,t){this.x=e,this.j=void 0,this.s=void 0,this.u=void 0,this.f=32,this.name=t?.name,ft&&ft.push(this)}Be.prototype.c=function(){var e=this.S();try{if(8&this.f||this.x===void 0)return;var t=this.x();typeof t=="function"&&(this.j=t)}finally{e()}};Be.prototype.S=function(){if(1&this.f)throw new Error("Cycle detected");this.f|=1,this.f&=-9,Wo(this),Lo(this),ue++;var e=P;return P=this,_a.bind(this,e)};Be.prototype.N=function(){2&this.f||(this.f|=2,this.u=mt,mt=this)};Be.prototype.d=function(){this.f|=8,1&this.f||Mn(this)};Be.prototype.dispose=function(){this.d()};function U(e,t){var n=new Be(e,t);try{n.c()}catch(r){throw n.d(),r}var o=n.d.bind(n);return o[Symbol.dispose]=o,o}var Ho,Gt,Ut,wa=typeof window<"u"&&!!window.__PREACT_SIGNALS_DEVTOOLS__;var Fo=[];U(function(){Ho=this.N})();function Ue(e,t){T[e]=t.bind(null,T[e]||function(){})}function gt(e){if(Ut){var t=Ut;Ut=void 0,t()}Ut=e&&e.S()}function jo(e){var t=this,n=e.data,o=ya(n);o.name="ReactiveDom",o.value=n;var r=Ht(function(){for(var l=t,c=t.__v;c=c.__;)if(c.__c){c.__c.__$f|=4;break}var p=I(function(){var u=o.value.value;return u===0?0:u===!0?"":u||""}),d=I(function(){return!Array.isArray(p.value)&&!mn(p.value)}),m=U(function(){if(this.N=zo,d.value){var u=p.value;l.__v&&l.__v.__e&&l.__v.__e.nodeType===3&&(l.__v.__e.data=u)}}),h=t.__$u.d;return t.__$u.d=function(){m(),h.call(this)},[d,p]},[]),a=r[0],i=r[1];return a.value?i.peek():i.value}jo.displayName="ReactiveTextNode";Object.defineProperties(L.prototype,{constructor:{configurable:!0,value:ct(Oe,null).constructor},type:{configurable:!0,value:jo},props:{configurable:!0,get:function(){var e=this;return{data:{get value(){return e.value}}}}},__b:{configurable:!0,value:1}});Ue("__b",function(e,t){if(gt(),Gt=void 0,typeof t.type=="string"){var n,o=t.props;for(var r in o)if(r!=="children"){var a=o[r];a instanceof L&&(n||(t.__np=n={}),n[r]=a,o[r]=a.peek())}}e(t)});Ue("__r",function(e,t){if(e(t),t.type!==Oe){gt();var n,o=t.__c;o&&(o.__$f&=-2,(n=o.__$u)===void 0&&(o.__$u=n=(function(r,a){var i;return U(function(){i=this},{name:a}),i.c=r,i})((function(r){return function(){var a;wa&&((a=this.y)==null||a.call(this)),r.__$f|=1,r.setState({})}})(o),typeof t.type=="function"?t.type.displayName||t.type.name:""))),Gt=o,gt(n)}});Ue("__e",function(e,t,n,o){gt(),Gt=void 0,e(t,n,o)});Ue("diffed",function(e,t){gt(),Gt=void 0;var n;if(typeof t.type=="string"&&(n=t.__e)){var o=t.__np,r=t.props,a=n.U;if(a)for(var i in a){var l=a[i];l===void 0||o&&i in o||(l.d(),a[i]=void 0)}if(o){a||(a={},n.U=a);for(var c in o){var p=a[c],d=o[c];p===void 0?(p=$a(n,c,d,r),a[c]=p):p.o(d,r)}}}e(t)});function $a(e,t,n,o){var r=t in e&&e.ownerSVGElement===void 0,a=b(n);return{o:function(i,l){a.value=i,o=l},d:U(function(){this.N=zo;var i=a.value.value;o[t]!==i&&(o[t]=i,r?e[t]=i:i!=null&&(i!==!1||t[4]==="-")?e.setAttribute(t,i):e.removeAttribute(t))})}}Ue("unmount",function(e,t){if(typeof t.type=="string"){var n=t.__e;if(n){var o=n.U;if(o){n.U=void 0;for(var r in o){var a=o[r];a&&a.d()}}}var i=t.__np;if(i){var l=t.props;for(var c in i)l[c]=i[c]}t.__np=void 0}else{var p=t.__c;if(p){p.__$f|=8;var d=p.__$u;d&&(p.__$u=void 0,d.d())}}e(t)});Ue("__h",function(e,t,n,o){o<3&&(t.__$f|=2),e(t,n,o)});Ae.prototype.shouldComponentUpdate=function(e,t){if(this.__R)return!0;var n=this.__$u,o=n&&n.s!==void 0;for(var r in t)return!0;if(this.__f||typeof this.u=="boolean"&&this.u===!0){var a=2&this.__$f;if(!(o||a||4&this.__$f)||1&this.__$f)return!0}else if(!(o||4&this.__$f)||3&this.__$f)return!0;for(var i in e)if(i!=="__source"&&e[i]!==this.props[i])return!0;for(var l in this.props)if(!(l in e))return!0;return!1};function ya(e,t){return Ht(function(){return b(e,t)},[])}var ka=function(e){queueMicrotask(function(){queueMicrotask(e)})};function xa(){Cn(function(){for(var e;e=Fo.shift();)Ho.call(e)})}function zo(){Fo.push(this)===1&&(T.requestAnimationFrame||ka)(xa)}var Ge={"on-time":"On time","at-risk":"At risk",late:"Late",holding:"Holding",unknown:"Unknown"};function Le(e){let{backlog:t,oldest_age_seconds:n,drain_within_seconds:o}=e;if(n!==null&&n>o)return"late";if(t===null)return"unknown";if(e.hold)return"holding";let r=Vn(e);return e.late_jobs>0||r.kind==="over"||r.kind==="never"?"at-risk":r.kind==="unknown"?"unknown":"on-time"}function Vn(e){let{drain_eta_seconds:t,drain_within_seconds:n,backlog:o}=e;return t===null?{kind:o!==null&&e.partitions_known===e.partitions&&e.arrival_rate!==null?"never":"unknown"}:o===0?{kind:"clear"}:t>n?{kind:"over",seconds:t,over:t-n}:{kind:"within",seconds:t,spare:n-t}}var de=.75;function Bo(e,t){if(e.kind!=="within"&&e.kind!=="over")return{done:0,over:0,isCut:!1};let n=e.seconds/t*de;return{done:Math.min(n,de),over:Math.max(0,Math.min(n,1)-de),isCut:n>1}}function Kt(e){let t={base:0,burst:0,booting:0,max:0};for(let n of e)t[n.kind]+=n.ready+n.draining,t.booting+=n.booting,t.max+=n.max;return t}function vt(e,t){switch(t){case"action":return e.actions.length>0;case"hold":return e.hold!==null;case"trouble":return e.reasons.some(n=>n.trouble)}}function Sa({verb:e,from:t,to:n}){return e==="ScaleBase"?(n??0)>(t??0):e==="Launch"||e==="Adopt"}function qt(e){return vt(e,"action")?e.actions.some(Sa)?"grow":"shrink":e.hold?"hold":vt(e,"trouble")?"trouble":"note"}var Pn=5;function En(e,t){return e<=0||t<=0?0:Math.max(1,Math.ceil(Math.min(1,e/t)*Pn))}var se=class extends Error{constructor(n,o,r){super(n);this.status=o;this.problem=r}status;problem},Na={"content-type":"application/json","x-spillway-request":"1"};async function Uo(e,t){let n;try{n=await fetch(`api/v1/${e}`,t)}catch(o){throw t.signal?.aborted?o:new se("the controller does not answer",0,{})}if(!n.ok){let o=await n.json().catch(()=>({}));throw new se(o.detail??`the controller answered ${n.status}`,n.status,o)}return n.status===204?null:await n.json()}function pe(e,t){return Uo(e,{headers:{accept:"application/json"},...t?{signal:t}:{}})}function bt(e,t,n="POST"){return Uo(e,{method:n,headers:Na,body:JSON.stringify(t)})}function $e(e,t,n){return bt(`policies/${encodeURIComponent(e)}/${t}`,n)}function ye(e){return e instanceof Error?e.message:String(e)}var E="unknown",Xt=new Intl.NumberFormat("en-US",{maximumFractionDigits:0}),Rn=new Intl.NumberFormat("en-US",{minimumFractionDigits:1,maximumFractionDigits:1}),Ta=new Intl.NumberFormat("en-US",{minimumFractionDigits:2,maximumFractionDigits:2});function J(e){return e!=null&&Number.isFinite(e)}function f(e){return J(e)?Xt.format(e):E}function Z(e){if(!J(e))return E;let t=Math.abs(e);for(let[n,o]of[[1e9,"G"],[1e6,"M"],[1e3,"k"]])if(t>=n*.99995){let r=e/n,a=Math.abs(r)<9.95?1:0;return`${r.toFixed(a).replace(/\.0$/,"")}${o}`}return Number.isInteger(e)?String(e):Rn.format(e).replace(/\.0$/,"")}function A(e){return J(e)?`${Math.abs(e)<99.95?Rn.format(e):Xt.format(e)}/s`:E}var An=86400,On=3600,Ke=60;function w(e){if(!J(e))return E;if(e<0)return`−${w(-e)}`;let t=Math.round(e);if(t<Ke)return`${t}s`;if(t<On)return Dn(Math.floor(t/Ke),"m",t%Ke,"s");let n=Math.round(t/Ke);if(t<An&&n<An/Ke)return Dn(Math.floor(n/60),"h",n%60,"m");let o=Math.round(t/On);return Dn(Math.floor(o/24),"d",o%24,"h")}function Dn(e,t,n,o){return n===0?`${e}${t}`:`${e}${t} ${n}${o}`}function y(e){return J(e)?e<0?`−${y(-e)}`:e>0&&e<5e-5?"<$0.0001":e>0&&e<.09995?`$${e.toFixed(4)}`:`$${Ta.format(e)}`:E}function H(e){return J(e)?`${y(e)}/h`:E}function ee(e){return J(e)?`${Xt.format(e*100)}%`:E}function Ln(e){if(!J(e))return E;for(let[t,n]of[[1e9,"GB"],[1e6,"MB"],[1e3,"kB"]])if(e>=t)return`${Rn.format(e/t)} ${n}`;return`${Xt.format(e)} B`}function fe(e,t){return`${f(e)} ${t}${e===1?"":"s"}`}function x(e){let t=Date.parse(e.replace(/(\.\d{3})\d+/,"$1"));return Number.isNaN(t)?null:t/1e3}var Ca=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"}),Ma=new Intl.DateTimeFormat("en-GB",{year:"numeric",month:"short",day:"numeric",hour:"2-digit",minute:"2-digit",second:"2-digit",timeZoneName:"short"});function C(e){return J(e)?Ca.format(e*1e3):E}function ke(e,t){let[n,o]=[x(e),t===void 0?null:x(t)];return n===null||o===null?null:Math.abs(n-o)}function qe(e){return J(e)&&e<1.5?"now":J(e)?`${w(e)} ago`:E}function Xe(e){return J(e)?Ma.format(e*1e3):E}var Va=new Intl.DateTimeFormat("en-GB",{weekday:"short",day:"numeric",month:"short"});function G(e){return J(e)?Va.format(e*1e3):E}function Pa(e){return e.replace(/_(seconds|per_hour)$/,(t,n)=>n==="per_hour"?" now":"").replaceAll("_"," ")}function Ea(e,t){return e==="drain_eta_seconds"&&t===null?"never or unknown":t==null?E:typeof t=="boolean"?t?"yes":"no":typeof t=="string"?Da(t)??t:typeof t!="number"?JSON.stringify(t):e.endsWith("_seconds")?w(t):e.endsWith("_per_hour")?H(t):/(^|_)(cost|dollars|budget|price|spent)(_|$)/.test(e)?y(t):/(^|_)rate(_|$)/.test(e)?A(t):e.endsWith("_ratio")?ee(t):Number.isInteger(t)?f(t):String(Number(t.toPrecision(4)))}function Da(e){let t=/^(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/i.exec(e);if(!t||e.length<3)return null;let[,n,o=0,r=0,a=0,i=0]=t,l=Number(o)*An+Number(r)*On+Number(a)*Ke+Number(i);return w(n?-l:l)}function In(e,t=[]){return Object.entries(e).flatMap(([n,o])=>{let r=[...t,Pa(n)];return o!==null&&typeof o=="object"?In(o,r):[[r.join(" › "),Ea(n,o)]]})}var _t=["backlog","oldest_age_seconds","drain_eta_seconds","arrival_rate","service_rate","base","burst","booting","desired","cost_per_hour","burst_cost_per_hour"],Oa=["backlog","oldest_age_seconds","drain_eta_seconds"],Je=class e{constructor(t=1,n=3600){this.step=t;this.span=n}step;span;at=[];columns=Object.fromEntries(_t.map(t=>[t,[]]));marks=[];oldest=null;#e=-1/0;static of(t,n,o){let r=new e(t.step_seconds,o),{at:a,series:i,pools:l}=t;r.at.push(...a),r.#e=a.at(-1)??-1/0;let{columns:c}=r;for(let d of _t)d in i&&(c[d]=i[d].slice());let p=(d,...m)=>{let h=Object.entries(l).filter(([u])=>d(n.get(u)??"burst")).flatMap(([,u])=>m.map(g=>u[g]));return a.map((u,g)=>h.reduce(($,v)=>Ra($,v[g]),null))};return c.base=p(d=>d==="base","ready","draining"),c.burst=p(d=>d!=="base","ready","draining"),c.booting=p(()=>!0,"booting"),c.desired=p(()=>!0,"desired"),r.oldest=t.oldest===null?null:x(t.oldest),r.marks=t.markers.flatMap(La).sort((d,m)=>m.id-d.id),r}push(t){let{at:n,columns:o}=this,r=n.length-1;if(!(r>=0&&t.at<=n[r])){if(t.at<this.#e+this.step*.75){n[r]=t.at;for(let a of _t){let i=o[a][r]??null,l=t[a];o[a][r]=Oa.includes(a)&&i!==null&&l!==null?Math.max(i,l):l}return}this.#e=t.at,n.push(t.at);for(let a of _t)o[a].push(t[a]);this.#t(t.at-this.span)}}#t(t){let n=this.at.findIndex(o=>o>=t);if(!(n<30)){this.at.splice(0,n);for(let o of _t)this.columns[o].splice(0,n)}}mark(t){let n=x(t.at);if(n===null||this.marks.some(({id:a})=>a===t.id))return;let{id:o,sentence:r}=t;this.marks=[{id:o,at:n,kind:qt(t),isOrder:!1,sentence:r},...this.marks].sort((a,i)=>i.id-a.id)}};function Ra(e,t){return t==null?e:(e??0)+t}function La({id:e,at:t,kind:n,launches:o,drains:r,trouble:a,hold:i,sentence:l}){let c=x(t);if(c===null)return[];let p=n==="order",d=p?"order":o>0?"grow":r>0?"shrink":i?"hold":a?"trouble":"note";return[{id:e,at:c,kind:d,isOrder:p,sentence:l}]}function Go(e,t){let{base:n,burst:o,booting:r}=Kt(t.pools);return{at:x(e)??0,backlog:t.backlog,oldest_age_seconds:t.oldest_age_seconds,drain_eta_seconds:t.drain_eta_seconds,arrival_rate:t.arrival_rate,service_rate:t.service_rate,base:n,burst:o,booting:r,desired:t.pools.reduce((a,i)=>a+i.desired,0),cost_per_hour:t.cost_per_hour,burst_cost_per_hour:t.burst_cost_per_hour}}var Ia=2e3,F=b("connecting"),q=b(null),Ye=I(()=>q.value?.may_operate===!0),D=b(null),wt=b(null),Wn=b(performance.now()/1e3),Jt=I(()=>wt.value===null?null:Math.max(0,Wn.value-wt.value)),Wa=6,Se=I(()=>F.value==="lost"||(Jt.value??0)>Wa),$t=b(new URLSearchParams(location.search).get("policy")),ae=I(()=>{let e=D.value?.policies??[];return e.find(({name:t})=>t===$t.value)??e[0]??null}),ie=I(()=>ae.value?.name??null),j=b(3600),z=b(null),me=b(new Je),Ie=b(0),We=b(null),He=I(()=>`${ie.value}
${j.value}
${z.value??""}`);function Ko(e,t){me.value=t,We.value=e,Ie.value+=1}var xe=b([]),Qe=I(()=>xe.value.filter(e=>e.policy===ie.value)),le=b(new Set),Yt=b(null),B=b(null);function qo(e){e.at!==D.peek()?.at&&(wt.value=performance.now()/1e3),D.value=e;let t=ae.peek();!t||z.peek()!==null||We.peek()!==He.peek()||(me.peek().push(Go(e.at,t)),Ie.value+=1)}function Ze(e){let t=new Map(xe.peek().map(n=>[n.id,n]));for(let n of e)t.set(n.id,n);xe.value=[...t.values()].sort((n,o)=>o.id-n.id).slice(0,Ia)}function Xo(e){$t.value=e,B.value=null;let t=new URL(location.href);t.searchParams.set("policy",e),history.pushState(null,"",t)}function X(e){return`${e}${e.includes("?")?"&":"?"}policy=${encodeURIComponent(ie.value??"")}`}var Qt=b(0);function Ne(e){e instanceof se&&e.status===401&&(Qt.value+=1)}var Jo=b(0);function Fe(){Jo.value+=1}var Hn={value:null,error:null,at:0};function te(e,t){let[n,o]=pt({...Hn,path:e}),r=Jo.value;return K(()=>{let a=new AbortController,i,l=async()=>{try{let c=await pe(e,a.signal);o({value:c,error:null,at:Date.now()/1e3,path:e})}catch(c){if(a.signal.aborted)return;o(p=>({...p.path===e?p:Hn,error:c,path:e})),Ne(c)}i=setTimeout(l,t*1e3)};return l(),()=>{a.abort(),clearTimeout(i)}},[e,t,r]),n.path===e?n:Hn}function Yo({value:e,error:t,at:n}){return e!==null&&t!==null?`as of ${C(n)}; it cannot be read again`:""}var Zt=[["","Overview"],["timeline","Timeline"],["decisions","Decisions"],["fleet","Fleet"],["partitions","Partitions"],["market","Market"],["cost","Cost"],["what-if","What if"],["control","Control"],["health","Health"]],Qo=b(location.hash);addEventListener("hashchange",()=>{Qo.value=location.hash});var Zo=I(()=>Qo.value.replace(/^#\/?/,"").split("/")),he=I(()=>Zt.find(([e])=>e===Zo.value[0])?.[0]??null),yt=I(()=>Zo.value[1]??""),et=I(()=>Zt.find(([e])=>e===he.value)?.[1]??"Not found");function er(e){location.hash=`/${e}`}var kt=200,Ha=720,nr=1e3,or=15e3,Fa=45,on=null,en=nr,rr,nn=performance.now();function Fn(){ar(),nn=performance.now();let e=new EventSource("api/v1/events");on=e;let t=(n,o)=>e.addEventListener(n,r=>{nn=performance.now(),o(JSON.parse(r.data))});e.addEventListener("open",()=>{en=nr,nn=performance.now(),le.value=new Set,We.value=null,F.value="live",Fe()}),t("state",n=>qo(n)),t("decision",n=>{let o=n;Ze([o]),o.policy===ie.peek()&&(me.peek().mark(o),Ie.value+=1)}),t("order",Fe),e.addEventListener("error",()=>{(F.peek()==="live"||wt.peek()!==null)&&(F.value="lost"),e.readyState===EventSource.CLOSED&&(Qt.value+=1,rr=setTimeout(Fn,en),en=Math.min(en*2,or))})}function ar(){clearTimeout(rr),on?.close(),on=null}function ja(){Wn.value=performance.now()/1e3,F.peek()==="live"&&performance.now()-nn>Fa*1e3&&(F.value="lost",Fn())}function tn(e,t){let n=new Set;U(()=>{let o=e();if(o===null||n.has(o))return;let r=()=>{n.add(o),t(o).then(()=>n.delete(o)).catch(a=>{Ne(a),setTimeout(()=>{n.delete(o),e()===o&&r()},or/3)})};r()})}var tr=()=>F.value==="live";async function za(e){Ze(await pe(X(`decisions?limit=${kt}`))),le.value=new Set([...le.peek(),e])}async function Ba(e){let t=j.peek(),n=z.peek(),o=l=>new Date(l*1e3).toISOString(),r=n===null?`from=-${t}s`:`from=${o(n-t)}&to=${o(n)}`,a=await pe(X(`timeline?${r}&points=${Ha}`));if(He.peek()!==e)return;let i=new Map((ae.peek()?.pools??[]).map(({name:l,kind:c})=>[l,c]));Ko(e,Je.of(a,i,t))}async function Ua(e){let t=await pe(`decisions/${e}`).catch(n=>{if(!(n instanceof se)||n.status!==404)throw n;Yt.value=e});t&&(Ze([t]),t.policy!==ie.peek()&&($t.value=t.policy))}async function Ga(){q.value=await pe("session")}function ir(){setInterval(ja,1e3),addEventListener("popstate",()=>{$t.value=new URLSearchParams(location.search).get("policy")}),tn(()=>`${Qt.value}`,Ga),U(()=>{let e=q.value?.may_read;e&&!on&&Fn(),e===!1&&(ar(),D.value=null,xe.value=[],F.value="connecting")}),tn(()=>tr()&&ie.value!==null&&!le.value.has(ie.value)?ie.value:null,za),tn(()=>tr()&&ie.value!==null&&We.value!==He.value?He.value:null,Ba),tn(()=>{let e=he.value==="decisions"&&le.value.has(ie.value??"")?yt.value:"";return/^\d+$/.test(e)&&!xe.peek().some(t=>t.id===Number(e))?e:null},Ua)}var lr=function(e,t,n,o){var r;t[0]=0;for(var a=1;a<t.length;a++){var i=t[a++],l=t[a]?(t[0]|=i?1:2,n[t[a++]]):t[++a];i===3?o[0]=l:i===4?o[1]=Object.assign(o[1]||{},l):i===5?(o[1]=o[1]||{})[t[++a]]=l:i===6?o[1][t[++a]]+=l+"":i?(r=e.apply(l,lr(e,l,n,["",null])),o.push(r),l[0]?t[0]|=2:(t[a-2]=0,t[a]=r)):o.push(l)}return o},sr=new Map;function cr(e){var t=sr.get(this);return t||(t=new Map,sr.set(this,t)),(t=lr(this,t.get(e)||(t.set(e,t=(function(n){for(var o,r,a=1,i="",l="",c=[0],p=function(h){a===1&&(h||(i=i.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?c.push(0,h,i):a===3&&(h||i)?(c.push(3,h,i),a=2):a===2&&i==="..."&&h?c.push(4,h,0):a===2&&i&&!h?c.push(5,0,!0,i):a>=5&&((i||!h&&a===5)&&(c.push(a,0,i,r),a=6),h&&(c.push(a,h,0,r),a=6)),i=""},d=0;d<n.length;d++){d&&(a===1&&p(),p(d));for(var m=0;m<n[d].length;m++)o=n[d][m],a===1?o==="<"?(p(),c=[c],a=3):i+=o:a===4?i==="--"&&o===">"?(a=1,i=""):i=o+i[0]:l?o===l?l="":i+=o:o==='"'||o==="'"?l=o:o===">"?(p(),a=1):a&&(o==="="?(a=5,r=i,i=""):o==="/"&&(a<5||n[d][m+1]===">")?(p(),a===3&&(c=c[0]),a=c,(c=c[0]).push(2,0,a),a=0):o===" "||o==="	"||o===`
`||o==="\r"?(p(),a=2):i+=o),a===3&&i==="!--"&&(a=4,c=c[0])}return p(),c})(e)),t),arguments,[])).length>1?t:t[0]}var s=cr.bind(ct);function ne({text:e}){return s`<span class=${e===E?"unknown":""}>${e}</span>`}function N({kind:e="",children:t}){return s`<span class=${`chip chip-${e}`}>${t}</span>`}function xt({reasons:e}){return e.length===0?null:s`<ul class="reasons">
    ${e.map(t=>s`<li class=${t.trouble?"reason trouble":"reason"}>
        <span class="glyph" aria-hidden="true">${t.trouble?"!":"·"}</span>
        <span>
          ${t.trouble&&s`<span class="sr">Trouble: </span>`}${t.text}${" "}
          <code>${t.code}</code>
        </span>
      </li>`)}
  </ul>`}function oe({of:e}){return s`<span class=${`swatch swatch-${e}`} aria-hidden="true"></span>`}function S({id:e,title:t,note:n,tools:o,class:r="",children:a}){return s`<section class=${`card ${r}`} id=${e} aria-labelledby=${`${e}-title`}>
    <div class="card-head">
      <h2 id=${`${e}-title`}>${t}</h2>
      ${n!==void 0&&s`<p class="note">${n}</p>`}
      ${o}
    </div>
    ${a}
  </section>`}function Te({children:e}){return s`<p class="empty">${e}</p>`}function re({of:e,children:t}){if(e.value!==null){let n=Yo(e);return s`${n&&s`<p class="aged" role="status">${n}</p>`}${t(e.value)}`}return e.error===null?s`<p class="empty loading">Reading …</p>`:s`<div class="empty" role="alert">
          <p>This could not be read: ${ye(e.error)}.</p>
          <button type="button" class="button" onClick=${Fe}>Try again</button>
        </div>`}function tt({of:e,class:t=""}){return s`<dl class=${`facts ${t}`}>
    ${e.map(([n,o,r])=>s`<div key=${n}>
        <dt>${n}</dt>
        <dd>${typeof o=="string"?s`<${ne} text=${o} />`:o}</dd>
        ${r!==void 0&&s`<dd class="fact-note">${r}</dd>`}
      </div>`)}
  </dl>`}function rn({share:e,of:t=""}){let n=`${Math.min(1,e??0)*100}%`,o=e===null?"meter-unknown":e>=1?"meter-full":e>=.8?"meter-near":"";return s`<span class=${`meter ${o} ${t}`} aria-hidden="true"><span style=${{width:n}}></span></span>`}function Ce(e){return s`<div class="segments" role="group" aria-label=${e.label}>
    ${e.of.map(([t,n])=>s`<button type="button" aria-pressed=${e.value===t} onClick=${()=>e.choose(t)}>${n}</button>`)}
  </div>`}var jn=b(null);function St(e){jn.value=e}var Ka=500;function zn(){return s`<label class="field">
    <span>Reason <em>kept with the order</em></span>
    <input name="reason" required maxlength=${Ka} autocomplete="off" />
  </label>`}function Nt(){let[e,t]=pt(!1),[n,o]=pt("");return{isBusy:e,failure:n,give:async a=>{t(!0),o("");try{return await a(),Fe(),!0}catch(i){return Ne(i),o(ye(i)),!1}finally{t(!1)}}}}function ur(){let e=Q(null),{isBusy:t,failure:n,give:o}=Nt(),r=jn.value;K(()=>{r?e.current?.showModal():e.current?.close()},[r]);let a=()=>{jn.value=null};return s`<dialog ref=${e} aria-labelledby="ask-title" onClose=${a}>
    ${r&&s`<form onSubmit=${async l=>{l.preventDefault();let c=String(new FormData(l.currentTarget).get("reason")).trim();r&&await o(()=>r.run(c))&&a()}}>
      <h2 id="ask-title">${r.title}</h2>
      <p>${r.text}</p>
      <${zn} />
      <p class="failure" role="alert">${n}</p>
      <div class="buttons">
        <button type="button" class="button" onClick=${a}>Leave it</button>
        <button class="button button-main" disabled=${t}>${r.button}</button>
      </div>
    </form>`}
  </dialog>`}function an(){let e=q.value,{isBusy:t,failure:n,give:o}=Nt(),r=i=>{i.preventDefault();let l=String(new FormData(i.currentTarget).get("token")).trim();o(async()=>{q.value=await bt("session",{token:l})})},a=e?.may_read===!0;return s`<${S} id="sign-in" title="Sign in" class="sign-in">
    <p>${a?"You may read. To order something, sign in as somebody who may.":"This controller shows itself to those it knows."}</p>
    ${e?.wants_token?s`<form onSubmit=${r}>
          <label class="field">
            <span>Token</span>
            <input name="token" type="password" required autocomplete="current-password" />
          </label>
          <p class="failure" role="alert">${n}</p>
          <button class="button button-main" disabled=${t}>Sign in</button>
        </form>`:s`<p class="note">
          ${e?.auth==="proxy"?"The proxy in front of it says who you are; it named nobody who may.":"Orders are taken from the controller's own machine only, at its loopback address."}
        </p>`}
  <//>`}var nt=b(null),Bn=b(new Set),Un=100;function qa(e,t,n){let o=t.find(({name:a})=>a===n?.column)?.by;if(!o||!n)return e;let r=n.isDown?-1:1;return[...e].sort((a,i)=>{let l=o(a),c=o(i);return l===null||c===null?+(l===null)-+(c===null):l<c?-r:l>c?r:0})}function Xa({id:e,column:t}){let{name:n,title:o,by:r,isText:a}=t,i=nt.value?.table===e&&nt.value.column===n?nt.value:null,l=()=>{let c=!a;nt.value=i?i.isDown===c?{...i,isDown:!c}:null:{table:e,column:n,isDown:c}};return s`<th
    scope="col"
    role="columnheader"
    class=${a?"":"number"}
    title=${o}
    aria-sort=${i?i.isDown?"descending":"ascending":void 0}
  >
    ${r?s`<button type="button" class="sort" onClick=${l}>${n}<span aria-hidden="true">${i?i.isDown?" ↓":" ↑":""}</span></button>`:n}
  </th>`}var dr=e=>typeof e=="string"?s`<${ne} text=${e} />`:e;function W({id:e,label:t,columns:n,groups:o,keyOf:r,empty:a,rowClass:i}){let l=o.reduce((h,{rows:u})=>h+u.length,0),c=Bn.value.has(e),p=nt.value?.table===e?nt.value:null,d=c?1/0:Un,m=o.map(({key:h,head:u,rows:g})=>{let $=qa(g,n,p).slice(0,d);return d-=$.length,s`<tbody key=${h} role="rowgroup">
      ${u&&s`<tr class="group-row" role="row"><th scope="rowgroup" role="rowheader" colspan=${n.length}>${u}</th></tr>`}
      ${$.map(v=>s`<tr key=${r(v)} role="row" class=${i?.(v)}>
          ${n.map(({name:k,show:_,more:M,isText:V},at)=>{let it=M?.(v),Me=s`${dr(_(v))}${it?s`<span class="second">${dr(it)}</span>`:null}`;return at===0?s`<th scope="row" role="rowheader"><div>${Me}</div></th>`:s`<td role="cell" class=${V?"":"number"} data-label=${k}><div>${Me}</div></td>`})}
        </tr>`)}
    </tbody>`});return s`<div class="table-place" tabindex="0" role="group" aria-label=${t}>
      <table id=${e} role="table" aria-label=${t}>
        <thead role="rowgroup"><tr role="row">${n.map(h=>s`<${Xa} key=${h.name} id=${e} column=${h} />`)}</tr></thead>
        ${m}
      </table>
      ${l===0&&a&&s`<p class="empty">${a}</p>`}
    </div>
    ${l>Un&&s`<button
      type="button"
      class="button more"
      onClick=${()=>{let h=new Set(Bn.peek());h.delete(e)||h.add(e),Bn.value=h}}
    >
      ${c?`Show the first ${f(Un)}`:`Show all ${fe(l,"row")}`}
    </button>`}`}var Ja=[[900,"15 minutes"],[3600,"1 hour"],[14400,"4 hours"],[43200,"12 hours"],[86400,"1 day"],[604800,"7 days"]];function Ya(){return s`<label class="field"><span>For</span>
    <select name="seconds">${Ja.map(([e,t])=>s`<option value=${e} selected=${e===3600}>${t}</option>`)}</select>
  </label>`}function fr({policy:e,what:t,button:n,children:o}){let{isBusy:r,failure:a,give:i}=Nt();return s`<form onSubmit=${async c=>{c.preventDefault();let p=c.currentTarget,{seconds:d,workers:m,...h}=Object.fromEntries(new FormData(p)),u={...h,...m===void 0?{}:{workers:Number(m)},expires_in_seconds:Number(d)};await i(()=>$e(e,t,u))&&p.reset()}}>
    <fieldset disabled=${!Ye.value||r}>
      <div class="fields">${o}<${Ya} /></div>
      <${zn} />
      <button class="button button-main">${n}</button>
    </fieldset>
    <p class="failure" role="alert">${a}</p>
  </form>`}function mr({of:{by:e,at:t,until:n,reason:o}}){return s`<p class="sentence">“${o}”</p>
    <p class="meta"><span>by ${e}, ${G(x(t))} ${C(x(t))}</span>
    ${n&&s`<span>ends in ${w(ke(n,D.value?.at))}, at ${Xe(x(n))}</span>`}</p>`}function Qa({policy:{name:e,pause:t}}){let n=()=>St({title:`Resume ${e}?`,text:"From the next tick on it buys, gives back and scales again.",button:"Resume",run:o=>$e(e,"resume",{reason:o})});return s`<${S} id="pause" title="Pause" class="half" note=${t?s`<${N} kind="trouble">Paused<//>`:"not paused"}>
    ${t?s`<${mr} of=${t} /><button type="button" class="button button-main" disabled=${!Ye.value} onClick=${n}>Resume</button>`:s`<p class="explain">Nothing is bought, given back or scaled. What was begun is finished, and dead machines are still ended: money stops as ever.</p>
          <${fr} policy=${e} what="pause" button="Pause" />`}
  <//>`}var hr={fixed:"exactly",floor:"at least"};function Za({policy:{name:e,overrides:t,pools:n}}){let o=n.filter(({kind:a})=>a==="burst"),r=({pool:a})=>St({title:`Release ${a}?`,text:"From the next tick on the planner alone says how many machines it has.",button:"Release",run:i=>$e(e,"release",{pool:a,reason:i})});return s`<${S} id="override" title="Override" class="half" note=${t.length===0?"none":void 0}>
    ${t.map(a=>s`<div class="part" key=${a.id}>
        <h3>${a.pool}: ${a.shape&&hr[a.shape]} ${f(a.workers)}</h3>
        <${mr} of=${a} />
        <button type="button" class="button" disabled=${!Ye.value} onClick=${()=>r(a)}>Release</button>
      </div>`)}
    ${o.length===0?s`<${Te}>The policy names no place where machines can be bought.<//>`:s`<p class="explain">So many machines of a bought pool, whatever the planner thinks. Caps and budgets hold all the same.</p>
          <${fr} policy=${e} what="override" button="Override">
            <label class="field"><span>Pool</span><select name="pool">${o.map(a=>s`<option>${a.name}</option>`)}</select></label>
            <label class="field"><span>Shape</span><select name="shape"><option value="floor">at least</option><option value="fixed">exactly</option></select></label>
            <label class="field"><span>Machines</span><input name="workers" type="number" min="0" max="10000" required value="1" /></label>
          <//>`}
  <//>`}var ei=[{name:"When",isText:!0,by:e=>e.at,show:e=>s`<time datetime=${e.at}>${G(x(e.at))} ${C(x(e.at))}</time>`},{name:"Who",isText:!0,by:e=>e.by,show:e=>e.by??"nobody known",more:e=>[e.known_by,e.from].filter(Boolean).join(", ")},{name:"What",isText:!0,by:e=>e.kind,show:e=>`${e.kind} ${e.intent??e.pool??""} ${e.shape?`${hr[e.shape]??e.shape} ${f(e.workers)}`:""}`.trim(),more:e=>e.until&&`until ${G(x(e.until))} ${C(x(e.until))}`},{name:"Why",isText:!0,show:e=>e.reason??"–"},{name:"Outcome",isText:!0,show:e=>e.accepted?s`<${N} kind="action">accepted<//>`:s`<${N} kind="bad">refused<//>`,more:e=>e.refusal}],pr=b(!1);function ti({who:e}){if(e.known_by!=="token"&&e.known_by!=="kubernetes")return null;let t=async()=>{pr.value=!0,await bt("session",{},"DELETE").catch(()=>{}),location.reload()};return s`<p class="note">Signed in as ${e.user}. <button type="button" class="button small" disabled=${pr.value} onClick=${t}>Sign out</button></p>`}function gr({policy:e}){let t=te(X("orders?limit=200"),30),n=q.value;return s`${n&&!n.may_operate&&s`<div class="whole"><${an} /></div>`}
    <${Qa} policy=${e} />
    <${Za} policy=${e} />
    <${S} id="audit" title="Who ordered what" class="whole" note="refused orders too">
      <${re} of=${t}>
        ${o=>s`<${W} id="audit-table" label="Orders" columns=${ei} groups=${[{key:"all",rows:o}]} keyOf=${r=>r.id} empty="Nobody has ordered anything yet." />`}
      <//>
      ${n&&s`<${ti} who=${n} />`}
    <//>`}var ni=[{name:"Pool",isText:!0,by:e=>e.pool,show:e=>e.pool},{name:"Now",by:e=>e.per_hour,show:e=>H(e.per_hour)},{name:"Today",by:e=>e.today,show:e=>y(e.today)},{name:"Of it idle",title:"Ready workers that had nothing to do",by:e=>e.idle_today,show:e=>y(e.idle_today)},{name:"Images today",by:e=>e.images_today,show:e=>f(e.images_today)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)},{name:"In all",by:e=>e.total,show:e=>y(e.total)}];function vr({base:e,burst:t,most:n}){let o=(r,a)=>s`<span class=${`swatch-${a}`} style=${{width:`${r/n*100}%`}}></span>`;return s`<span class="slots" aria-hidden="true">${o(e,"base")}${o(t,"burst")}</span>`}var Gn=({base:e,burst:t})=>e===null&&t===null?null:(e??0)+(t??0);function oi(e){return[{name:"Day",isText:!0,by:t=>t.day,show:t=>t.day},{name:"Base and burst",isText:!0,show:({base:t,burst:n})=>s`<${vr} base=${t??0} burst=${n??0} most=${e} />`},{name:"Base",by:t=>t.base,show:t=>y(t.base)},{name:"Burst",by:t=>t.burst,show:t=>y(t.burst)},{name:"Total",by:Gn,show:t=>y(Gn(t))},{name:"Images",by:t=>t.images,show:t=>f(t.images)},{name:"Late at worst",title:"The most jobs that were foreseen to be late at any moment",by:t=>t.late_jobs_max,show:t=>f(t.late_jobs_max)}]}function ri({cost:{hybrid:e,all_cloud:t,today:n}}){if(!t)return s`<${Te}>The policy names no offer: there is nothing to compare with.<//>`;let o=Math.max(e.today??0,t.today??0)||1,r=(l,{today:c,dollars_per_hour:p},d,m)=>s`<div class="versus">
    <span>${l}</span>
    <${vr} base=${d} burst=${m} most=${o} />
    <strong><${ne} text=${y(c)} /></strong>
    <span class="note">${H(p)}</span>
  </div>`,a=e.today!==null&&t.today!==null&&t.today>0?1-e.today/t.today:null,i=a===null?"How they compare is unknown.":a>=0?`Hybrid costs ${ee(a)} less today.`:`Hybrid costs ${ee(-a)} more today.`;return s`${r("Base and burst, as it is",e,n.base??0,n.burst??0)}${r(`All in the cloud, ${t.pool}`,t,0,t.today??0)}
    <p class="verdict">${i}</p>
    <p class="note">${t.how}</p>`}function ai({cost:e}){let{today:t,forecast:n,budget:o,per_1000_images:r,idle_share:a}=e,i=({base:c,burst:p})=>`base ${y(c)}, burst ${y(p)}`,l=(c,p)=>p===null?"no limit":s`<span>${c===null?E:ee(c)}<${rn} share=${c} /></span>`;return s`<${S} id="today" title="Today" class="whole" note=${`since ${C(x(t.since)).slice(0,5)} here, midnight UTC`}>
    <${tt}
      class="big"
      of=${[["So far",y(t.total),i(t)],["Forecast to midnight",y(n.total),`${i(n)}; ${n.how}`],["Burst of the day's budget",l(o.used_day_share,o.per_day),o.per_day===null?"":`${y(o.spent_today)} of ${y(o.per_day)}`],["Burst of the hour's budget",l(o.used_hour_share,o.per_hour),o.per_hour===null?"":`of ${y(o.per_hour)} in any hour`],["A thousand images",y(r),"at today's mix"],["Idle",ee(a),"of what was paid for ready workers"]]}
    />
  <//>`}function br(e){let t=te(X("cost?days=14"),15);return s`<${re} of=${t}>
    ${n=>{let o=n.days.reduce((r,a)=>Math.max(r,Gn(a)??0),0)||1;return s`<${ai} cost=${n} />
        <${S} id="versus" title="Hybrid against all-cloud" class="whole" note="the same images of today"><${ri} cost=${n} /><//>
        <${S} id="by-pool" title="By pool" class="whole"><${W} id="cost-pools" label="Cost by pool" columns=${ni} groups=${[{key:"all",rows:n.pools}]} keyOf=${r=>r.pool} /><//>
        <${S} id="by-day" title="By day" class="whole" note="UTC"><${W} id="cost-days" label="Cost by day" columns=${oi(o)} groups=${[{key:"all",rows:n.days}]} keyOf=${r=>r.day} empty="No day is over yet." /><//>`}}
  <//>`}var ii=[[null,"All"],["action","Actions"],["hold","Holds"],["trouble","Trouble"]],_r=b(null),Kn=b("");function si(e){let t=new Map;for(let{verb:n,pool:o,from:r,to:a}of e){let i=n==="ScaleBase"?`scale
${o} ${r} → ${a}`:`${n.toLowerCase()}
${o}`;t.set(i,(t.get(i)??0)+1)}return[...t].map(([n,o])=>{let[r="",a=""]=n.split(`
`);return o>1?`${r} ${o} × ${a}`:`${r} ${a}`})}function $r({decision:e}){let t=e.reasons.filter(i=>i.trouble).length,{violations:n,hold:o,actions:r,mode:a}=e;return s`<span class="entry-chips">
    ${n.length>0&&s`<${N} kind="bad">Refused by the checker<//>`}
    ${a==="Recommend"&&r.length>0&&s`<${N}>Not carried out<//>`}
    ${si(r).map(i=>s`<${N} kind="action">${i}<//>`)}
    ${o&&s`<${N}>Hold<//>`}
    ${t>0&&s`<${N} kind="trouble">${t>1?`${t} troubles`:"Trouble"}<//>`}
  </span>`}function qn({decision:e}){let t=yt.value===String(e.id);return s`<a class="entry" href=${`#/decisions/${e.id}`} aria-current=${t?"true":void 0}>
    <span class=${`marker marker-${qt(e)}`} aria-hidden="true"></span>
    <time class="entry-time" datetime=${e.at}>${C(x(e.at))}</time>
    <span class="entry-text">${e.sentence}</span>
    <${$r} decision=${e} />
  </a>`}var li={Done:"done",NotLaunched:"not launched",Unknown:"outcome unknown",Failed:"failed"};function ci({of:e}){if(e===null)return s`<${N}>no outcome yet<//>`;let t=e.outcome==="Done"?"action":"trouble";return s`<${N} kind=${t}>${li[e.outcome]??e.outcome}<//>${e.detail&&s` <span class="note">${e.detail}</span>`}`}function ui({actions:e}){return s`<ul class="actions">
    ${e.map(t=>s`<li>
        <strong>${t.verb==="ScaleBase"?"Scale":t.verb}</strong> ${t.pool} <span class="mono">${t.verb==="ScaleBase"?`${t.from} → ${t.to}`:t.intent}</span>${" "}
        <${ci} of=${t.outcome} />
        <span class="action-why">${t.why} <code>${t.code}</code></span>
      </li>`)}
  </ul>`}var di=e=>e.replace(/(?<=[a-z])[A-Z]/g,t=>` ${t}`).toLowerCase(),pi=[{name:"Pool",isText:!0,show:({pool:e})=>e},{name:"Verdict",isText:!0,show:({verdict:e,launched:t})=>s`<${N} kind=${e==="Chosen"?"action":""}>${di(e)}${t>0?` × ${t}`:""}<//>`,more:({why:e})=>e},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)},{name:"Ready in",by:e=>e.boot_seconds,show:e=>w(e.boot_seconds)},{name:"Counted on",by:e=>e.rate_counted_on,show:e=>A(e.rate_counted_on)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"Running",by:e=>e.running,show:e=>`${f(e.running)} of ${f(e.max)}`}];function wr({numbers:e}){return s`<dl class="numbers">
    ${In(e).map(([t,n])=>s`<div key=${t}><dt>${t}</dt><dd class=${n===E?"unknown":""}>${n}</dd></div>`)}
  </dl>`}function je({title:e,children:t}){return s`<div class="part"><h3>${e}</h3>${t}</div>`}function fi({id:e}){let t=Qe.value,n=t.findIndex(r=>r.id===e),o=(r,a)=>r&&s`<a href=${`#/decisions/${r.id}`}>${a} #${r.id}</a>`;return s`<nav class="meta neighbours" aria-label="Neighbouring decisions">${o(t[n+1],"Before: ")}${n>0&&o(t[n-1],"After: ")}</nav>`}function mi({decision:e}){let{id:t,at:n,sentence:o,hold:r,violations:a,actions:i,reasons:l,alternatives:c,numbers:p,desired:d,revision:m}=e;return s`<p class="sentence">${o}</p>
    <p class="meta">
      <a href=${`#/decisions/${t}`}>#${t}</a> <time datetime=${n}>${Xe(x(n))}</time>
      <span>policy revision <code>${m}</code></span>
      <a
        href="#/timeline"
        onClick=${()=>{let h=x(n)??0,u=x(D.value?.at??"")??h;z.value=h+j.value/3<u?h+j.value/3:null}}
        >In the timeline</a
      >
      <a href=${`api/v1/decisions/${t}`}>JSON</a>
    </p>
    <${$r} decision=${e} />
    ${a.length>0&&s`<${je} title="Refused by the checker: nothing was carried out"><ul class="actions">${a.map(h=>s`<li>${h}</li>`)}</ul><//>`}
    ${r&&s`<${je} title="Held"><${xt} reasons=${[r]} /><//>`}
    ${i.length>0&&s`<${je} title="Actions"><${ui} actions=${i} /><//>`}
    ${l.length>0&&s`<${je} title="Reasons"><${xt} reasons=${l} /><//>`}
    ${c.length>0&&s`<${je} title="What could have been bought, the cheapest first">
      <${W} id="alternatives" label="Alternatives" columns=${pi} groups=${[{key:"all",rows:c}]} keyOf=${h=>h.pool} />
    <//>`}
    <${je} title="Decided upon"><${wr} numbers=${p} /><//>
    <${je} title="Machines wanted"><${wr} numbers=${d} /><//>
    <${fi} id=${t} />`}function hi({id:e}){let t=Q(null),n=xe.value.find(a=>String(a.id)===e),o=Yt.value===e?`Decision #${e} is not kept any more, or never was.`:"Reading the decision …";return K(()=>{t.current?.focus({preventScroll:!0}),t.current?.scrollIntoView({block:"nearest"})},[e,n!==void 0]),s`<${S} id="decision" title=${`Decision #${e}`} tools=${s`<a class="to" href="#/decisions">Close</a>`}>
    <div ref=${t} tabindex="-1" class="detail">${n?s`<${mi} decision=${n} />`:s`<p class="empty" role="status">${o}</p>`}</div>
  <//>`}var ze=b("");async function gi(){let e=Qe.peek().at(-1);if(e){ze.value="busy";try{let t=await pe(X(`decisions?limit=${kt}&before=${e.id}`));Ze(t),ze.value=t.length<kt?"all":""}catch(t){ze.value=ye(t)}}}function vi(e,t){let{id:n,sentence:o,hold:r,reasons:a,actions:i}=e,l=[...r?[r]:[],...a,...i].map(({code:c})=>c);return[`#${n}`,o,...l,...i.map(({pool:c,intent:p})=>`${c} ${p}`)].join(`
`).toLowerCase().includes(t)}function bi(e){let t=new Map;for(let n of e){let o=G(x(n.at));t.set(o,[...t.get(o)??[],n])}return[...t]}function _i(e,t){return e?"No decision like this among those read so far.":t?"Nothing has been decided yet: the first decision comes with the first look at the backlog.":"Reading the log …"}function wi({policy:e}){let t=Qe.value,n=_r.value,o=Kn.value.trim().toLowerCase(),r=t.filter(i=>(!n||vt(i,n))&&(!o||vi(i,o))),a=le.value.has(e.name);return s`<${S}
    id="log"
    title="Decisions"
    note=${s`<a href=${`api/v1/${X("decisions?limit=1000")}`}>JSON</a>`}
    tools=${s`<${Ce}
      label="Show"
      of=${ii.map(([i,l])=>[i,s`${l} <span class="segment-count">${f(i?t.filter(c=>vt(c,i)).length:t.length)}</span>`])}
      value=${n}
      choose=${i=>{_r.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a word, a code, a pool"
      aria-label="Find in decisions"
      value=${Kn.value}
      onInput=${i=>{Kn.value=i.currentTarget.value}}
    />
    ${r.length===0?s`<${Te}>${_i(t.length>0,a)}<//>`:bi(r).map(([i,l])=>s`<h3 class="day">${i}</h3>
            <ol class="entries" aria-label=${`Decisions of ${i}, newest first`}>
              ${l.map(c=>s`<li key=${c.id}><${qn} decision=${c} /></li>`)}
            </ol>`)}
    ${a&&t.length>=kt&&ze.value!=="all"&&s`<p><button type="button" class="button more" disabled=${ze.value==="busy"} onClick=${gi}>Older decisions</button>
      <span role="status">${ze.value==="busy"?"":ze.value}</span></p>`}
  <//>`}function yr({policy:e}){let t=yt.value;return s`<div class=${t?"decisions has-chosen":"decisions"}>
    <${wi} policy=${e} />
    ${t&&s`<${hi} id=${t} />`}
  </div>`}var Xn=b(""),Tt=b(null),kr=["booting","starting","ready","draining","stopped"];function $i(e,{id:t,intent:n,pool:o}){St({title:`Drain ${t}?`,text:`It finishes what it has, commits, and its machine is given back. Another of ${o} may be bought if the deadline needs it.`,button:"Drain",run:r=>$e(e,`instances/${encodeURIComponent(n??"")}/drain`,{reason:r})})}function yi({policy:e,worker:t}){return t.ordered_drain?s`<${N}>ordered by ${t.ordered_drain.by}<//>`:!t.can_drain||!Ye.value?null:s`<button type="button" class="button small" aria-label=${`Drain ${t.id}`} onClick=${()=>$i(e,t)}>Drain</button>`}var Jn=({cloud:e,region:t,zone:n,market:o})=>[e,n||t,o].filter(Boolean).join(" · ");function ki({last_seen_seconds:e,phase:t,interruption_at:n}){return n?`taken back in ${w(ke(n,D.value?.at))}`:e===null?t==="booting"?"not heard of yet":"last heard of: unknown":e<3.5?"":`heard of ${w(e)} ago`}function xi({billing_boundary_seconds:e,is_burst:t}){return t?e===null?"minimum unknown":e>0?`paid for ${w(e)} more`:"by the second":""}var Si=[{name:"Worker",isText:!0,by:({id:e})=>e,show:({id:e})=>s`<span class="id" title=${e}>${e}</span>`,more:({node:e})=>e??""},{name:"Phase",isText:!0,by:e=>kr.indexOf(e.phase),show:e=>s`<span class=${`phase phase-${e.phase}`}>${e.phase}</span>`,more:ki},{name:"Age",by:e=>e.age_seconds,show:e=>w(e.age_seconds),more:xi},{name:"Offer",isText:!0,by:Jn,show:e=>e.machine||(e.is_burst?E:"our own"),more:Jn},{name:"GPU",isText:!0,by:({gpu:e})=>e,show:({gpu:e,phase:t})=>e??(t==="booting"?"–":E)},{name:"Cost",title:"Accrued, and the price an hour",by:e=>e.cost,show:e=>y(e.cost),more:e=>H(e.price_per_hour)},{name:"Images/s",by:e=>e.rate,show:e=>A(e.rate).replace("/s",""),more:e=>e.busy_share===null?"":`${ee(e.busy_share)} busy`},{name:"Done",title:"Images done, and in flight",by:e=>e.images_done,show:e=>f(e.images_done),more:e=>e.in_flight===null?"":`${f(e.in_flight)} in flight`},{name:"$/million",title:"Dollars for a million images at its present speed",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million),more:e=>e.partitions===null?"":fe(e.partitions,"partition")}];function Ni(e){let t=[`${f(e.ready)} ready`];return e.booting>0&&t.push(`${f(e.booting)} booting`),e.draining>0&&t.push(`${f(e.draining)} draining`),`${t.join(", ")}; ${f(e.desired)} wanted, ${f(e.max)} at most`}function Ti(e,t){return s`<span class="pool">
    <span class="pool-name"><${oe} of=${t?.kind??""} />${e}</span>
    ${t?s`<span>${Ni(t)}</span><span>${H(t.price_per_hour)} each</span><span>${t.cost_today===null?"cost of today unknown":`${y(t.cost_today)} today`}</span>`:s`<span>no longer in the policy</span>`}
  </span>`}var Ci=(e,t)=>t.age_seconds-e.age_seconds||(e.id<t.id?-1:1);function Mi({pools:e},t){return[...new Set([...e.map(({name:o})=>o),...t.map(({pool:o})=>o)])].map(o=>({key:o,head:Ti(o,e.find(r=>r.name===o)),rows:t.filter(({pool:r})=>r===o).sort(Ci)}))}function Vi(e,t){let{id:n,pool:o,gpu:r,node:a,machine:i,intent:l}=e;return!t||[n,o,r,a,i,l,Jn(e)].join(`
`).toLowerCase().includes(t)}function xr({policy:e}){let{workers:t}=e,n=Xn.value.trim().toLowerCase(),o=t.filter(i=>(Tt.value===null||i.phase===Tt.value)&&Vi(i,n)),r={name:"Order",isText:!0,show:i=>s`<${yi} policy=${e.name} worker=${i} />`},a=kr.filter(i=>t.some(l=>l.phase===i)||i===Tt.value);return s`<${S}
    id="fleet"
    title="Fleet"
    class="whole"
    note=${fe(t.length,"worker")}
    tools=${s`<${Ce}
      label="Phase"
      of=${[[null,"All"],...a.map(i=>[i,s`${i} <span class="segment-count">${f(t.filter(l=>l.phase===i).length)}</span>`])]}
      value=${Tt.value}
      choose=${i=>{Tt.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a worker, a node, a machine, a zone"
      aria-label="Find in the fleet"
      value=${Xn.value}
      onInput=${i=>{Xn.value=i.currentTarget.value}}
    />
    <${W}
      id="fleet-table"
      label="Workers by pool"
      columns=${[...Si,r]}
      groups=${Mi(e,o)}
      keyOf=${i=>i.id}
      empty=${t.length===0?"No machine is there and no worker has been heard of.":"No worker is like this."}
    />
  <//>`}var Sr={ok:["action","well"],warn:["trouble","look at it"],fail:["bad","failing"],unknown:["","unknown"]},Yn=["fail","warn","unknown","ok"],Pi=[{name:"What",isText:!0,by:e=>e.name,show:e=>e.name},{name:"State",isText:!0,by:e=>Yn.indexOf(e.status),show:({status:e})=>s`<${N} kind=${Sr[e]?.[0]}>${Sr[e]?.[1]??e}<//>`,more:({since:e,status:t})=>e&&t!=="ok"&&`since ${C(x(e))}`},{name:"Detail",isText:!0,show:e=>e.detail},{name:"Heard",by:e=>e.age_seconds,show:e=>e.age_seconds===null?"never":qe(e.age_seconds)}];function Ei(e){let t=e.filter(({status:n})=>n!=="ok").length;return t===0?`all ${f(e.length)} are well`:`${f(t)} of ${f(e.length)} need a look`}function Di({policy:{leader:e,loop:t,orphans:n,signal_age_seconds:o}}){let r=ke(e.since,D.value?.at);return s`<${S} id="now" title="Now" class="whole">
    <${tt}
      of=${[["Lag read",qe(o.backlog)],["Heartbeats read",qe(o.workers)],["Leads",e.is_leader?e.identity??"this one":"another",`token ${e.token}, for ${w(r)}`],["Last tick took",`${(t.tick_seconds*1e3).toFixed(1)} ms`,`${f(t.ticks)} ticks${t.panics===void 0?"":`, ${f(t.panics)} panics`}`],["Machines without an intent",n===null?"unknown":f(n),n===null?"no provider could be asked":"they are ended"]]}
    />
  <//>`}function Nr({policy:e}){let t=te("health",5);return s`<${Di} policy=${e} />
    <${re} of=${t}>
      ${({checks:n,history:o,streams:r,config:a,uptime_seconds:i,version:l})=>{let c=[...n].sort((p,d)=>Yn.indexOf(p.status)-Yn.indexOf(d.status));return s`<${S} id="checks" title="Reachability" class="whole" note=${Ei(n)}>
            <${W} id="checks-table" label="Checks" columns=${Pi} groups=${[{key:"all",rows:c}]} keyOf=${p=>p.name} />
          <//>
          <${S} id="memory" title="History" class="half" note="what explains, replays and draws the past">
            <${tt}
              of=${[["Reaches back to",o.oldest===null?"nothing kept yet":Xe(x(o.oldest))],["Size",Ln(o.bytes),`of ${Ln(o.bytes_max)}, ${f(o.days_max)} days`],["Decisions",f(o.decisions)],["Samples",f(o.samples)]]}
            />
          <//>
          <${S} id="config" title="This controller" class="half">
            <${tt}
              of=${[["Up for",w(i),`Spillway ${l}`],["Open streams",`${f(r.open)} of ${f(r.max)}`,`${f(r.dropped)} dropped`],["Listens at",a.listen,`who may: ${a.auth}`],["Policy revision",a.policy_revision,a.kubernetes?"from Kubernetes":"from a file"]]}
            />
          <//>`}}
    <//>`}var Ai={policy:"as configured",measured:"measured",provider:"by provider"};function Qn({from:e,age_seconds:t}){return`${Ai[e]}${t===null?"":`, ${w(t)} ago`}`}function Oi(e,t){return[{name:"Pool",isText:!0,by:({pool:n})=>n,show:({pool:n})=>n,more:({cloud:n,machine:o})=>[n,o].filter(Boolean).join(" · ")},{name:"Where",isText:!0,by:n=>n.zone||n.region,show:n=>n.zone||n.region||"this machine",more:n=>n.market},{name:"$ per million",by:n=>n.dollars_per_million,show:n=>s`<span class=${n.dollars_per_million===null?"rank rank-unknown":"rank"} aria-hidden="true"><span style=${{width:`${(n.dollars_per_million??0)/e*100}%`}}></span></span> <strong>${y(n.dollars_per_million)}</strong>`,more:n=>n.transfer_per_million?`transfer ${y(n.transfer_per_million)}`:""},{name:"Price",by:n=>n.price_per_hour.value,show:n=>H(n.price_per_hour.value),more:n=>Qn(n.price_per_hour)},{name:"Each does",by:n=>n.images_per_second.value,show:n=>A(n.images_per_second.value),more:n=>Qn(n.images_per_second)},{name:"Ready in",by:n=>n.ready_in_seconds.value,show:n=>w(n.ready_in_seconds.value),more:n=>Qn(n.ready_in_seconds)},{name:"Running",by:n=>n.running,show:n=>`${f(n.running)} of ${f(n.max)}`},{name:"Taken back",title:"Interruptions in a thousand hours of a machine",by:n=>n.interruptions_per_1000_hours,show:n=>n.market==="Spot"?f(n.interruptions_per_1000_hours):"never",more:n=>n.market==="Spot"?"in 1,000 h":""},{name:"Now",isText:!0,show:({blocked:n,running:o,max:r})=>n?s`<${N} kind="trouble">${n.fault}<//>`:o>=r?s`<${N}>all taken<//>`:s`<${N} kind="action">can be bought<//>`,more:({blocked:n})=>n&&`${n.why}; asked again in ${w(ke(n.until,t))}`}]}function Tr({policy:e}){let t=te(X("market"),10),n=t.value?.offers??[],o=n.reduce((r,a)=>Math.max(r,a.dollars_per_million??0),0)||1;return s`<${S} id="market" title="Market" class="whole" note=${t.value?`${fe(n.length,"offer")}, the cheapest work first`:void 0}>
    <${re} of=${t}>
      ${()=>s`<${W}
        id="market-table"
        label="Offers"
        columns=${Oi(o,t.value?.at??"")}
        groups=${[{key:e.name,rows:n}]}
        keyOf=${r=>r.pool}
        empty="The policy names no place where machines can be bought: the base does it alone."
      />`}
    <//>
    <p class="note">Work is compared, not hours: the price of a machine by what it does in an hour, with the transfer of the images to it.</p>
  <//>`}var Cr=[1,2,5,10,20,50,100,200,500,1e3,2e3,5e3,1e4,2e4,5e4,1e5,2e5,5e5,1e6,2e6,5e6,1e7,1e8,1e9],Ri=[5,10,15,30,60,120,180,300,600,900,1800,3600,7200,14400,28800,86400,604800],sn=[{id:"backlog",title:"Backlog",series:[{column:"backlog",name:"jobs",color:"accent",fill:"soft",swatch:"line"}],full:f,axis:Z,increments:Cr,topMin:10},{id:"eta",title:"Against the deadline",series:[{column:"drain_eta_seconds",name:"drain ETA",color:"accent",swatch:"line"},{column:"oldest_age_seconds",name:"oldest job",color:"ink-2",dash:[5,4],swatch:"dashed"}],hasDeadline:!0,full:e=>e===null?"never or unknown":w(e),axis:w,increments:Ri,topMin:10},{id:"rates",title:"Rates",series:[{column:"arrival_rate",name:"arrival",color:"ink-2",dash:[5,4],swatch:"dashed"},{column:"service_rate",name:"service",color:"accent",swatch:"line"}],full:A,axis:Z,topMin:1},{id:"workers",title:"Workers",series:[{column:"base",name:"base",color:"base",fill:"solid",swatch:"base"},{column:"burst",name:"burst",color:"burst",fill:"solid",swatch:"burst"},{column:"booting",name:"booting",color:"burst",fill:"hatch",swatch:"booting"},{column:"desired",name:"wanted",color:"ink",dash:[2,3],isOver:!0,swatch:"dotted"}],isStacked:!0,isStepped:!0,full:f,axis:Z,increments:Cr,topMin:3},{id:"cost",title:"Cost",series:[{column:"cost_per_hour",name:"all",color:"ink-2",fill:"soft",swatch:"grey"},{column:"burst_cost_per_hour",name:"burst",color:"burst",swatch:"burst-line"}],isStepped:!0,full:H,axis:e=>`$${e>=1e3?Z(e):Number.isInteger(e)?e:e.toFixed(2)}`,topMin:.1}];var Li=[0,.25,.5,.75];function Ii(e,t){switch(e.kind){case"clear":return{figure:"Clear",rest:"nothing is waiting",spare:""};case"within":return{figure:w(e.seconds),rest:"until the backlog is gone",spare:`${w(e.spare)} to spare`};case"over":return{figure:w(e.seconds),rest:"until the backlog is gone",spare:`${w(e.over)} over`};case"never":return{figure:"Never",rest:"at this rate",spare:Wi(t)};case"unknown":return{figure:"Unknown",rest:"when the backlog will be gone",spare:Hi(t)}}}function Wi(e){let t=`${A(e.arrival_rate)} arrive, ${A(e.service_rate)} can be done`;return e.service_rate_soon>e.service_rate?`${t}, ${A(e.service_rate_soon)} soon`:t}function Hi(e){let t=e.partitions-e.partitions_known;return e.backlog===null?"the backlog is unknown":t>0?`the lag of ${f(t)} of ${f(e.partitions)} partitions is unknown`:e.arrival_rate===null?"the arrival rate is unknown":""}function Fi(e,t){if(t>0)return`About ${fe(t,"job")} will be late`;switch(e.kind){case"unknown":return"";case"never":case"over":return"Jobs will be late unless something changes";default:return"No job will be late as things stand"}}function Mr({policy:e}){let t=Vn(e),n=e.drain_within_seconds,{done:o,over:r,isCut:a}=Bo(t,n),{figure:i,rest:l,spare:c}=Ii(t,e),p=m=>({width:`${(m*100).toFixed(2)}%`}),d=`Drain ETA: ${i} ${l}. Deadline ${w(n)}. ${c}`;return s`<section class=${`card deadline deadline-${t.kind}`} aria-labelledby="deadline-title">
    <div class="card-head">
      <h2 id="deadline-title">Drain ETA against the deadline</h2>
      <p class="note">every job done within ${w(n)}</p>
    </div>
    <p class="headline">
      <strong class="figure">${i}</strong>
      <span class="figure-rest">${l}</span>
      <span class="spare">${c}</span>
    </p>
    <div class="bar" role="img" aria-label=${d}>
      <div class="track">
        <div class="fill" style=${p(o)}></div>
        <div class="overrun-zone" style=${{left:`${de*100}%`}}></div>
        <div class="fill-over" style=${{left:`${de*100}%`,...p(r)}}></div>
        ${a&&s`<div class="cut">›››</div>`}
        ${(t.kind==="never"||t.kind==="unknown")&&s`<div class="track-word">${t.kind==="never"?"never at this rate":"unknown"}</div>`}
      </div>
      <div class="deadline-mark" style=${{left:`${de*100}%`}}></div>
      <div class="scale" aria-hidden="true">
        ${Li.map(m=>s`<span class=${m%.5===0?"tick":"tick tick-minor"} style=${{left:`${m*de*100}%`}}>${w(m*n)}</span>`)}
        <span class="tick tick-deadline" style=${{left:`${de*100}%`}}>${w(n)} deadline</span>
      </div>
    </div>
    <p class=${e.late_jobs>0?"late is-late":"late"}>${Fi(t,e.late_jobs)}</p>
  </section>`}function ot({name:e,of:t,note:n,children:o}){return s`<div class=${`figure-cell figure-${t}`}>
    <dt>${e}</dt>
    <dd class="figure-value">${o}</dd>
    <dd class="figure-note">${n}</dd>
  </div>`}var Vr=5;function ji({partitions:e,partitions_known:t,signal_age_seconds:n}){return t<e?`${f(t)} of ${f(e)} partitions known`:n.backlog===null?"age of this unknown":n.backlog>Vr?`as of ${w(n.backlog)} ago`:`over ${f(e)} partitions`}function zi({arrival_rate:e,service_rate:t,service_rate_soon:n}){if(e===null)return"arrival rate unknown";if(n-t>.05)return`${A(n)} soon`;let o=t-e;return o>=0?`${A(o)} to spare`:`short by ${A(-o)}`}function Bi({per_day:e,used_day_share:t}){return e===null?"no daily limit":`${ee(t)} of ${y(e)} a day`}function Pr({policy:e}){let{base:t,burst:n,booting:o}=Kt(e.pools),r=e.signal_age_seconds.workers;return s`<dl class="figures card" aria-label="Key figures">
    <${ot} name="Backlog" of="backlog" note=${ji(e)}>
      <${ne} text=${f(e.backlog)} /><//>
    <${ot} name="Oldest job" of="oldest" note=${`of ${w(e.drain_within_seconds)} allowed`}>
      <${ne} text=${w(e.oldest_age_seconds)} /><//>
    <${ot} name="Arrival → service rate" of="rates" note=${zi(e)}>
      <${ne} text=${A(e.arrival_rate)} /><span class="arrow" aria-hidden="true">→</span><span class="sr"> against </span
      ><${ne} text=${A(e.service_rate)} /><//>
    <${ot}
      name="Workers"
      of="workers"
      note=${r!==null&&r<=Vr?s`<span class="counts" aria-hidden="true"><span>base</span><span>burst</span><span>booting</span></span>`:`heard of ${r===null?"at an unknown time":`${w(r)} ago`}`}
    >
      <span class="counts">
        <span><${oe} of="base" />${f(t)}<span class="sr"> base</span></span>
        <span><${oe} of="burst" />${f(n)}<span class="sr"> burst</span></span>
        <span><${oe} of="booting" />${f(o)}<span class="sr"> booting</span></span>
      </span><//>
    <${ot} name="Cost now" of="cost" note=${`burst ${H(e.burst_cost_per_hour)}`}>
      <${ne} text=${H(e.cost_per_hour)} /><//>
    <${ot} name="Burst today" of="spend" note=${Bi(e.budget)}>
      <${ne} text=${y(e.budget.spent_today)} /><${rn} share=${e.budget.used_day_share} /><//>
  </dl>`}function Er({policy:e}){let t=e.last_decision;return s`<section class="card now" aria-labelledby="now-title">
    <div class="card-head">
      <h2 id="now-title">Last decision</h2>
      ${t&&s`<p class="note"><a href=${`#/decisions/${t.id}`}>#${t.id}</a> at ${C(x(t.at))}</p>`}
    </div>
    <div class="now-body" tabindex="0" role="group" aria-label="Last decision and its reasons">
      <p class="sentence">${e.sentence||"Nothing has been decided yet."}</p>
      ${e.hold&&s`<p class="hold"><span class="chip chip-hold">Hold</span> ${e.hold.text} <code>${e.hold.code}</code></p>`}
      <${xt} reasons=${e.reasons.filter(n=>n.code!==e.hold?.code)} />
    </div>
  </section>`}var Ui=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,10800,21600,43200,86400];function Dr(e,t,n){let o=e/t,r=n?.find(i=>i>=o);if(r!==void 0)return r;let a=10**Math.floor(Math.log10(o));return([1,2,5].find(i=>i*a>=o*.999)??10)*a}function Ar(e,t){return Array.from({length:Math.floor(e/t+1e-9)+1},(n,o)=>o*t)}function Or(e,t,n,o){let r=Ui.find(i=>(t-e)/i<=n)??86400,a=Math.ceil((e+o)/r)*r-o;return{step:r,at:Array.from({length:Math.max(0,Math.floor((t-a)/r)+1)},(i,l)=>a+l*r)}}var Gi=["surface","line","ink","ink-2","ink-3","accent","accent-soft","base","base-fill","burst","burst-fill","bad","warn"];function Lr(){let e=getComputedStyle(document.documentElement);return Object.fromEntries(Gi.map(t=>[t,e.getPropertyValue(`--${t}`).trim()]))}var Ct=b(Lr());matchMedia("(prefers-color-scheme: dark)").addEventListener("change",()=>{Ct.value=Lr()});function Ir(){return getComputedStyle(document.body).fontFamily}var Rr=new Map;function Zn(e){let t=Rr.get(e);return t===void 0&&(t=Ki(e,6)??e,Rr.set(e,t)),t}function Ki(e,t){let n=document.createElement("canvas");n.width=n.height=t;let o=n.getContext("2d");if(!o)return null;o.strokeStyle=e,o.lineWidth=t/3.5,o.beginPath();for(let r of[-t,0,t])o.moveTo(r-1,t+1),o.lineTo(r+t+1,-1);return o.stroke(),o.createPattern(n,"repeat")}var Mt=48,Vt=10,Wr=8,qi=4,Xi=26,Hr=72,Ji=30;function ln(e,t,n,o){let r=n.appendChild(document.createElement("canvas")),a=n.appendChild(document.createElement("span"));a.className="cursor";let i=e.series.map(()=>n.appendChild(document.createElement("span")));for(let u of[a,...i])u.hidden=!0;let l=null,c=null,p=()=>{l&&n.clientWidth>0&&(c=Yi(r,e,l,n,t))},d=u=>{if(!l||!c)return;let{left:g,width:$}=c.box,v=(u.clientX-n.getBoundingClientRect().left-g)/$;o(l.from+Math.min(1,Math.max(0,v))*(l.to-l.from))},m=()=>o(null);n.addEventListener("pointermove",d),n.addEventListener("pointerleave",m);let h=new ResizeObserver(()=>{Math.round(n.clientWidth*devicePixelRatio)!==r.width&&p()});return h.observe(n),{draw:u=>{l=u,p()},point:(u,g)=>{let $=u!==null&&l!==null&&c!==null;a.hidden=!$,i.forEach((v,k)=>{let _=$?c.heights[k][g]:null;v.hidden=_==null,!v.hidden&&(v.className=`cursor-dot swatch-${e.series[k].swatch}`,v.style.transform=`translate(${c.x(l.at[g])}px, ${c.y(_)}px)`)}),$&&(a.style.transform=`translateX(${c.x(u)}px)`)},remove:()=>{h.disconnect(),n.removeEventListener("pointermove",d),n.removeEventListener("pointerleave",m),n.replaceChildren()}}}function Yi(e,t,n,o,r){let[a,i]=[o.clientWidth,o.clientHeight],l=devicePixelRatio;(e.width!==Math.round(a*l)||e.height!==Math.round(i*l))&&(e.width=Math.round(a*l),e.height=Math.round(i*l));let c={left:Mt,top:Wr,width:a-Mt-Vt,height:i-Wr-(r?Xi:qi)},{from:p,to:d}=n,m=Qi(t,n.columns),h=es(t,n,m),u={box:c,heights:m,x:$=>c.left+($-p)/(d-p)*c.width,y:$=>c.top+(1-Math.min($/h,1.2))*c.height},g=e.getContext("2d");if(!g)return u;g.setTransform(l,0,0,l,0,0),g.clearRect(0,0,a,i),g.font=`11px ${Ir()}`,ts(g,t,n,u,h),r&&as(g,n,u),g.save(),g.beginPath(),g.rect(c.left,0,c.width,c.top+c.height+1),g.clip(),is(g,n,u);for(let $ of Zi(t))ss(g,t,t.series[$],n,u,m[$]);return cs(g,n,u),t.hasDeadline&&us(g,n,u),g.restore(),u}function Qi(e,t){let n=null;return e.series.map(({column:o,isOver:r})=>{let a=t[o]??[],i=n;return!e.isStacked||r?a:(n=i===null?a:a.map((l,c)=>l===null?i[c]??null:l+(i[c]??0)),n)})}function Zi({series:e,isStacked:t}){let n=e.map((o,r)=>r);return t?[...n.filter(o=>!e[o].isOver).reverse(),...n.filter(o=>e[o].isOver)]:n}function es(e,{deadline:t,at:n,from:o},r){let a=0;for(let l of r)for(let c=0;c<l.length;c+=1)n[c]>=o&&(l[c]??0)>a&&(a=l[c]);let i=Math.max(e.topMin,a*1.12);return e.hasDeadline?Math.min(Math.max(i,t*1.25),t*4):i}function ts(e,t,{colors:n},{box:o,y:r},a){let i=Dr(a,Math.max(1,Math.floor(o.height/Ji)),t.increments);e.textAlign="right",e.textBaseline="middle",e.fillStyle=n["ink-3"],e.strokeStyle=n.line,e.lineWidth=1;for(let l of Ar(a,i)){let c=Math.round(r(l))+.5;eo(e,o.left,c,o.left+o.width,c),e.fillText(t.axis(l),o.left-8,c)}}var ns=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit"}),os=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"}),rs=new Intl.DateTimeFormat("en-GB",{day:"numeric",month:"short"});function as(e,{from:t,to:n,colors:o},{box:r,x:a}){let i=-new Date(t*1e3).getTimezoneOffset()*60,{step:l,at:c}=Or(t,n,r.width/Hr,i);e.textAlign="center",e.textBaseline="top",e.fillStyle=o["ink-3"];for(let p of c){if(a(p)>r.left+r.width+Vt-Hr/3)continue;let d=l>=7200&&(p+i)%86400===0;e.fillText((d?rs:l<60?os:ns).format(p*1e3),a(p),r.top+r.height+8)}}function is(e,{at:t,from:n,colors:o},{box:r,x:a,heights:i}){let l=i[0];e.fillStyle=Zn(o.line);for(let c=0;c<t.length;c+=1){if(l[c]!==null)continue;let p=c;for(;p+1<t.length&&l[p+1]===null;)p+=1;let d=a(Math.max(n,t[Math.max(0,c-1)]));e.fillRect(d,r.top,Math.max(1,a(t[Math.min(t.length-1,p+1)])-d),r.height),c=p}}function ss(e,t,n,o,{box:r,x:a,y:i},l){let{at:c,colors:p}=o,d=new Path2D,m=new Path2D,h=r.top+r.height,u=null,g=0,$=()=>{u!==null&&(m.lineTo(g,h),m.lineTo(u,h),u=null)};for(let v=0;v<c.length;v+=1){let k=l[v];if(k==null){$();continue}let[_,M]=[a(c[v]),i(k)];if(u===null)u=_,d.moveTo(_,M),m.moveTo(_,M);else if(t.isStepped){let V=i(l[v-1]);d.lineTo(_,V),m.lineTo(_,V)}d.lineTo(_,M),m.lineTo(_,M),g=_}$(),n.fill&&(e.fillStyle=ls(n,p),e.fill(m)),e.strokeStyle=p[n.color],e.lineWidth=1.75,e.lineCap=n.dash?"butt":"round",e.lineJoin="round",e.setLineDash([...n.dash??[]]),e.stroke(d),e.setLineDash([])}function ls({fill:e,color:t},n){return e==="hatch"?Zn(n[t]):e==="solid"?n[t==="base"?"base-fill":"burst-fill"]:t==="accent"?n["accent-soft"]:n.line}function cs(e,{marks:t,colors:n},{box:o,x:r}){e.lineWidth=1,e.globalAlpha=.45,e.setLineDash([2,3]);for(let a of t){let i=Math.round(r(a.at))+.5;e.strokeStyle=n[a.color],eo(e,i,o.top,i,o.top+o.height)}e.globalAlpha=1,e.setLineDash([])}function us(e,{deadline:t,colors:n},{box:o,y:r}){let a=Math.round(r(t))+.5;e.lineWidth=1.5,e.strokeStyle=e.fillStyle=n.bad,eo(e,o.left,a,o.left+o.width,a),e.font=`600 ${e.font}`,e.textAlign="left",e.textBaseline="bottom",e.fillText("deadline",o.left+4,a-2)}function eo(e,t,n,o,r){e.beginPath(),e.moveTo(t,n),e.lineTo(o,r),e.stroke()}var ds=[[900,"15m"],[3600,"1h"],[21600,"6h"],[86400,"24h"],[604800,"7d"]],ps=60,ge=b(null);function fs(e){let{at:t,columns:n,marks:o}=me.value,r=z.value,a=r??t.at(-1)??Date.now()/1e3,i=r===null?Math.min(Math.max(t[0]??a,a-j.value),a-ps):r-j.value;return{at:t,columns:n,to:a,from:i,marks:gs(o.filter(l=>l.at>=i&&l.at<=a),i,a,Math.max(1,e/ms))}}var ms=12,hs=40;function gs(e,t,n,o){let r=i=>to.length-to.findIndex(([l])=>l===i.kind),a=new Map;for(let i of e){let l=Math.floor((i.at-t)/(n-t)*o),c=a.get(l);(!c||r(i)>r(c))&&a.set(l,i)}return[...a.values()]}function cn(e,t){let n=0,o=e.length;for(;n<o;){let r=n+o>>1;e[r]<=t?n=r+1:o=r}return Math.max(0,n-1)}var vs={grow:"ink",shrink:"ink",order:"ink",trouble:"warn",hold:"ink-3"},to=[["grow","more workers"],["shrink","fewer"],["order","ordered"],["trouble","trouble"],["hold","hold"],["note","other"]];function Fr(e){return me.value.marks.find(t=>t.at<=e+.5)}var bs=.015;function _s(e,{marks:t,from:n,to:o}){let r=a=>Math.abs(a.at-e);return t.filter(a=>r(a)<=(o-n)*bs).sort((a,i)=>r(a)-r(i))[0]}function no(e){let t=ge.peek(),n=t&&_s(e,t);n&&er(n.isOrder?"control":`decisions/${n.id}`)}var ws=120;function $s(e,{from:t,to:n,at:o,marks:r}){let a=Math.max(t,o[0]??t),i=B.peek()??n,l=Math.max(1,(n-t)/ws);switch(e){case"ArrowLeft":case"ArrowDown":return Math.max(a,i-l);case"ArrowRight":case"ArrowUp":return Math.min(n,i+l);case"Home":return a;case"End":return n;case"PageUp":return r.find(c=>c.at<i-.5)?.at??a;case"PageDown":return r.findLast(c=>c.at>i+.5)?.at??n;default:return null}}var rt=b(null);function ys(e,t){let n=B.value??e.to,o=cn(e.at,n),r=t.flatMap(a=>a.series.map(i=>`${a.title} ${i.name} ${a.full(e.columns[i.column]?.[o]??null)}`));return`${C(n)}. ${r.join(", ")}. ${Fr(n)?.sentence??""}`}function ks({specs:e}){let t=ge.value;if(!t)return s`<div class="lane"></div>`;let n=i=>({left:`${((i-t.from)/(t.to-t.from)*100).toFixed(3)}%`}),o=i=>{if(i.key==="Enter")return no(B.peek()??t.to);if(i.key==="Escape"){rt.value=B.value=null;return}let l=$s(i.key,t);l!==null&&(i.preventDefault(),rt.value=B.value=l)},r=i=>{let l=i.currentTarget.getBoundingClientRect();no(t.from+(i.clientX-l.left)/l.width*(t.to-t.from))},a=B.value;return s`<div
    class="lane"
    role="slider"
    tabindex="0"
    aria-label="Time; page up and page down go from decision to decision, enter opens one"
    aria-valuemin=${Math.round(t.from)}
    aria-valuemax=${Math.round(t.to)}
    aria-valuenow=${Math.round(a??t.to)}
    aria-valuetext=${ys(t,e)}
    onKeyDown=${o}
    onClick=${r}
    onBlur=${()=>{rt.peek()!==null&&(rt.value=B.value=null)}}
  >
    ${t.marks.map(i=>s`<span key=${i.id} class=${`mark marker marker-${i.kind}`} style=${n(i.at)}></span>`)}
    ${a!==null&&a>=t.from&&s`<span class="lane-cursor" style=${n(a)}></span>`}
  </div>`}function xs(){let e=ge.value,t=B.value;return!e||t===null?s`<p class="readout"><span class="legend">
      ${to.map(([n,o])=>s`<span class="legend-item"><span class=${`marker marker-${n}`} aria-hidden="true"></span> ${o}</span>`)}
    </span></p>`:s`<p class="readout">
    <strong>${z.value===null&&j.value<86400?"":`${G(t)} `}${C(t)}</strong>${" "}
    <span>${qe((x(D.value?.at??"")??e.to)-t)}</span>
    <span class="readout-text">${Fr(t)?.sentence??"before what was decided in view"}</span>
  </p>`}function Ss({spec:e}){let t=ge.value,n=t?cn(t.at,B.value??t.to):0,o=r=>t&&t.at.length>0?e.full(t.columns[r.column]?.[n]??null):"–";return s`<span class="legend">
    ${e.series.map(r=>s`<span class="legend-item">
        ${e.series.length>1&&s`<${oe} of=${r.swatch} /><span class="legend-name">${r.name}</span>`}
        <strong>${o(r)}</strong>
      </span>`)}
  </span>`}function Ns(e,t){if(!t||t.at.length===0)return`${e.title}: nothing yet`;let n=e.series.map(o=>{let r=t.columns[o.column]??[],a=r.reduce((i,l)=>Math.max(i,l??0),0);return`${o.name} now ${e.full(r.at(-1)??null)}, highest ${e.full(a)}`});return`${e.title} over the last ${w(t.to-t.from)}: ${n.join("; ")}`}function Ts({spec:e,hasTimeAxis:t,place:n}){return s`<div class="plot">
    <div class="plot-head">
      <h3>${e.title}</h3>
      <${Ss} spec=${e} />
    </div>
    <div class="plot-canvas" role="img" aria-label=${Ns(e,ge.value)}>
      <div class=${t?"plot-root with-time":"plot-root"} ref=${n}></div>
    </div>
  </div>`}function Cs(e,t,n){let o=l=>{let c=ge.peek();rt.value=null,B.value=l===null||!c?null:c.at[cn(c.at,l)]??null},r=e.map((l,c)=>ln(l,c===e.length-1,n[c],o)),a=U(()=>{Ie.value;let l=fs(n[0].clientWidth-Mt-Vt);ge.value=l;let c=l.marks.flatMap(({at:d,kind:m})=>m==="note"?[]:[{at:d,color:vs[m]}]),p=c.length<=hs?c:[];for(let d of r)d.draw({...l,colors:Ct.value,deadline:t,marks:p})}),i=U(()=>{let l=ge.value,c=B.value,p=l!==null&&c!==null&&c>=l.from;for(let d of r)d.point(p?c:null,p?cn(l.at,c):0)});return()=>{a(),i();for(let l of r)l.remove();ge.value=B.value=rt.value=null}}function oo(){return s`<${Ce}
    label="Time range"
    of=${ds}
    value=${j.value}
    choose=${e=>{j.value=e}}
  />`}function ro({policy:e,specs:t}){let n=Q([]),{drain_within_seconds:o}=e;K(()=>Cs(t,o,n.current.filter(a=>a!==null)),[t,o]);let r=()=>{B.peek()!==null&&no(B.peek())};return s`<${xs} />
    <div class="lane-place" style=${{paddingLeft:`${Mt}px`,paddingRight:`${Vt}px`}}><${ks} specs=${t} /></div>
    <div class="plots" onClick=${r}>
      ${t.map((a,i)=>s`<${Ts}
          key=${a.id}
          spec=${a}
          hasTimeAxis=${i===t.length-1}
          place=${l=>{n.current[i]=l}}
        />`)}
    </div>`}function Ms(){let e=z.value??x(D.value?.at??"")??0,{oldest:t}=me.value,n=o=>{let r=e+o*j.value/2;z.value=r>=(x(D.value?.at??"")??r)?null:r};return s`<div class="buttons" role="group" aria-label="Other hours">
    <button type="button" class="button small" disabled=${t===null||e-j.value<=t} onClick=${()=>n(-1)}>‹ Earlier</button>
    <button type="button" class="button small" disabled=${z.value===null} onClick=${()=>n(1)}>Later ›</button>
    <button
      type="button"
      class="button small"
      disabled=${z.value===null}
      onClick=${()=>{z.value=null}}
    >
      Now
    </button>
  </div>`}function Vs(){if(We.value!==He.value)return"reading …";let{at:e,step:t}=me.value,n=z.value;if(n!==null)return`${G(n-j.value)} ${C(n-j.value)} to ${G(n)} ${C(n)}, a point each ${w(t)}`;let o=e[0],r=o===void 0?0:(e.at(-1)??o)-o,a=`a point each ${w(t)}`;return r<j.value*.95?`${w(r)} are kept, ${a}`:a}function jr({policy:e}){return Ie.value,K(()=>()=>{z.value=null},[]),s`<${S} id="timeline" title="Timeline" class="whole" note=${Vs()} tools=${s`<${Ms} /><${oo} />`}>
    <${ro} policy=${e} specs=${sn} />
  <//>`}var Ps=5;function Es({pool:e}){let t=Math.max(e.max,e.ready+e.booting+e.draining,1),n=(o,r)=>s`<span class=${r} style=${{width:`${o/t*100}%`}}></span>`;return s`<span class="slots" aria-hidden="true">
    ${n(e.ready,`swatch-${e.kind}`)}${n(e.draining,"slot-draining")}${n(e.booting,"swatch-booting")}
  </span>`}var Ds=[{name:"Pool",isText:!0,show:e=>s`<${oe} of=${e.kind} />${e.name}`,more:({cloud:e,machine:t,zone:n,region:o,market:r})=>[e,t,n||o,r].filter(Boolean).join(" · ")},{name:"Of its most",isText:!0,show:e=>s`<${Es} pool=${e} /><span class="slots-text">${f(e.ready+e.draining+e.booting)} of ${f(e.max)}</span>`},{name:"Ready",by:e=>e.ready,show:e=>f(e.ready)},{name:"Booting",by:e=>e.booting,show:e=>f(e.booting)},{name:"Draining",by:e=>e.draining,show:e=>f(e.draining)},{name:"Wanted",by:e=>e.desired,show:e=>f(e.desired)},{name:"Each does",by:e=>e.rate_per_worker,show:e=>A(e.rate_per_worker),more:e=>e.measured?"measured":"assumed"},{name:"Ready in",by:e=>e.boot_seconds,show:e=>w(e.boot_seconds)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)}];function As(){let e=Qe.value.slice(0,Ps);return s`<${S} id="recent" title="Recent decisions" tools=${s`<a class="to" href="#/decisions">All decisions</a>`}>
    ${e.length===0?s`<${Te}>${le.value.size>0?"Nothing has been decided yet.":"Reading the log …"}<//>`:s`<ol class="entries">${e.map(t=>s`<li key=${t.id}><${qn} decision=${t} /></li>`)}</ol>`}
  <//>`}var Os=sn.filter(({id:e})=>e==="backlog"||e==="workers");function zr({policy:e}){let{orphans:t}=e;return s`<${Mr} policy=${e} />
    <${Er} policy=${e} />
    <${Pr} policy=${e} />
    <${S} id="course" title="Course" class="wide-part" note=${s`<a class="to" href="#/timeline">Timeline</a>`} tools=${s`<${oo} />`}>
      <${ro} policy=${e} specs=${Os} />
    <//>
    <${As} />
    <${S}
      id="pools"
      title="Pools"
      class="whole"
      note=${t!==null&&t>0?s`<${N} kind="bad">${f(t)} machines without an intent<//>`:void 0}
    >
      <${W} id="pools-table" label="Pools" columns=${Ds} groups=${[{key:"all",rows:e.pools}]} keyOf=${n=>n.name} />
    <//>`}var Rs=64,ao=1e3;function Ls(e,t){return Array.from({length:Math.ceil(e.length/t)},(n,o)=>e.slice(o*t,(o+1)*t))}function Is({lag:e,lagMax:t,isNumbered:n}){let o=`partition ${e.partition}: ${e.lag===null?"lag unknown":`${f(e.lag)} waiting`}${e.is_stuck?", stuck":""}`,r=e.lag===null?"unknown":En(e.lag,t),a=e.lag===null?"?":Z(e.lag);return s`<td class=${`heat heat-${r} ${e.is_stuck?"is-stuck":""}`} title=${o}>
    ${n&&s`<span aria-hidden="true">${a}</span>`}<span class="sr">${e.lag===null?"unknown":f(e.lag)}${e.is_stuck?" stuck":""}</span>
  </td>`}function Ws({topic:e,lags:t,lagMax:n}){let o=t.length<=Rs,r=o?8:32;return s`<table class=${o?"strip":"strip strip-dense"}>
    <caption>${e}${t.length>ao&&`, the first ${f(ao)} of ${f(t.length)} partitions`}</caption>
    <thead class="sr">
      <tr>
        <th scope="col">From partition</th>
        ${Array.from({length:r},(a,i)=>s`<th scope="col">plus ${i}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${Ls(t.slice(0,ao),r).map(a=>s`<tr>
          <th scope="row">${a[0]?.partition}</th>
          ${a.map(i=>s`<${Is} key=${i.partition} lag=${i} lagMax=${n} isNumbered=${o} />`)}
          ${Array.from({length:r-a.length},()=>s`<td></td>`)}
        </tr>`)}
    </tbody>
  </table>`}function Hs(e){let t=e.filter(i=>i.lag!==null),n=t.reduce((i,l)=>i&&i.lag>=l.lag?i:l,null),o=e.length-t.length,r=o>0?`; ${f(o)} unknown`:"";if(!n)return e.length===0?"no partition is known":`lag of all ${f(e.length)} unknown`;let a=t.reduce((i,{lag:l})=>i+l,0)/t.length;return n.lag===0?`nothing waits${r}`:`most in ${n.partition}: ${f(n.lag)}, ${(n.lag/a).toFixed(1)} × the mean${r}`}function Br({lagMax:e}){return s`<p class="heat-legend" aria-hidden="true">
    0 ${Array.from({length:Pn+1},(t,n)=>s`<span class=${`heat heat-${n}`}></span>`)} ${Z(e)}
    <span class="heat heat-unknown"></span> unknown
  </p>`}function Fs({lags:e,lagMax:t}){let n=e.map((o,r)=>`${o===null?"var(--heat-unknown)":`var(--heat-${En(o,t)})`} ${(r/e.length*100).toFixed(2)}% ${((r+1)/e.length*100).toFixed(2)}%`);return s`<span class="heat-strip" aria-hidden="true" style=${{"--stops":n.join()}}></span>`}var io=e=>e.reduce((t,n)=>n===null?t:Math.max(t??0,n),null);function js(e,t){return[{name:"Partition",isText:!0,by:n=>n.partition,show:n=>String(n.partition),more:n=>n.topic},{name:t,isText:!0,show:n=>s`<${Fs} lags=${n.lags} lagMax=${e} />`},{name:"Now",by:n=>n.lag,show:n=>f(n.lag)},{name:"Highest",by:n=>io(n.lags),show:n=>f(io(n.lags))},{name:"Read by",isText:!0,by:n=>n.owner,show:n=>n.is_stuck?s`<${N} kind="bad">stuck<//> ${n.owner}`:n.owner??s`<span class="note">nobody says so</span>`}]}function zs(){let e=te(X("partitions?from=-1h&points=60"),10),{at:t=[],partitions:n=[],left_out:o=0}=e.value??{},r=n.reduce((c,{lag:p,lags:d})=>Math.max(c,p??0,io(d)??0),0),a=n.filter(c=>c.is_stuck).length,i=t.length>1?`${C(t[0]).slice(0,5)} to ${C(t.at(-1)).slice(0,5)}`:"The last hour",l=[a>0?`${f(a)} stuck`:"none is stuck",...o>0?[`${f(o)} with less lag left out`]:[],...e.value?[`a cell each ${w(e.value.step_seconds)}`]:[]];return s`<${S} id="over-time" title="Over the last hour" class="whole" note=${e.value?l.join(", "):void 0}>
    <${re} of=${e}>
      ${()=>s`<${W}
          id="partitions-table"
          label="Lag of each partition over time"
          columns=${js(r,i)}
          groups=${[{key:"all",rows:n}]}
          keyOf=${c=>`${c.topic}
${c.partition}`}
          empty="No partition is known: the topics cannot be read, or are not there yet."
        />
        <${Br} lagMax=${r} />`}
    <//>
  <//>`}function Ur({policy:e}){let t=e.lags.reduce((o,{lag:r})=>Math.max(o,r??0),0),n=new Map;for(let o of e.lags)n.set(o.topic,[...n.get(o.topic)??[],o]);return s`<${S} id="partitions" title="Waiting now" class="whole" note=${Hs(e.lags)}>
      <div class="strips">
        ${[...n].map(([o,r])=>s`<${Ws} key=${o} topic=${o} lags=${r.sort((a,i)=>a.partition-i.partition)} lagMax=${t} />`)}
      </div>
      <${Br} lagMax=${t} />
    <//>
    <${zs} />`}var Bs={"on-time":"M3.500 8.500l3 3 6-7","at-risk":"M8 3v6.500M8 12.800v.2",late:"M4 4l8 8M12 4l-8 8",holding:"M5.500 3.500v9M10.500 3.500v9",unknown:"M5.300 5.800a2.700 2.700 0 1 1 3.700 2.500c-.7.300-1 .8-1 1.500M8 12.800v.2"};function Us({of:e}){return s`<span class=${`badge badge-${e}`}>
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d=${Bs[e]} /></svg>
    ${Ge[e]}
  </span>`}var Gs={connecting:"Connecting",live:"Live",lost:"Connection lost"};function Ks(){let e=Jt.value,t=F.value==="live"&&Se.value?"stale":F.value,n=t==="stale"?"No news":Gs[F.value];return s`<div class=${`connection connection-${t}`}>
    <span class="connection-age">${e===null?"":e<2?"as of now":`as of ${w(Math.floor(e))} ago`}</span>
    <span class="dot" aria-hidden="true"></span>
    <span class="connection-text">${n}</span>
  </div>`}function Gr(){let e=Jt.value,t=Se.value&&e!==null,n=F.value==="lost"?"Connection to the controller lost; trying again.":"The controller sends nothing new.";return s`<aside class="notice-place" aria-label="Connection">
    ${t&&s`<div class="notice">
      <strong>${n}</strong> <span>What is shown is ${w(Math.floor(e))} old.</span>
    </div>`}
  </aside>`}function Kr(){let e=ae.value,t=F.value==="lost"?"Connection lost. ":"";return s`<div class="sr" role="status">${t}${e?`${e.name}: ${Ge[Le(e)]}`:""}</div>`}function qs({policies:e,current:t}){if(e.length<2)return null;let n=(o,r)=>{o.metaKey||o.ctrlKey||o.shiftKey||(o.preventDefault(),Xo(r))};return s`<nav class="policies" aria-label="Policies">
    ${e.map(o=>s`<a
        key=${o.name}
        href=${`?policy=${encodeURIComponent(o.name)}`}
        aria-current=${o.name===t?"page":void 0}
        onClick=${r=>n(r,o.name)}
      >
        <span class=${`dot dot-${Le(o)}`} aria-hidden="true"></span>${o.name}<span class="sr">, ${Ge[Le(o)]}</span>
      </a>`)}
  </nav>`}function Xs({policy:{mode:e,pause:t,overrides:n}}){let o=r=>r===null?"":` until ${C(x(r)).slice(0,5)}`;return s`${e==="Recommend"&&s`<${N} kind="quiet">Recommends only<//>`}
    ${t&&s`<a href="#/control"><${N} kind="trouble">Paused${o(t.until)}<//></a>`}
    ${n.map(r=>s`<a href="#/control" key=${r.id}><${N} kind="trouble">${r.pool} overridden${o(r.until)}<//></a>`)}`}var Pt=b(!1);function qr(){let e=he.value,t=()=>{Pt.value=!1};return s`<header class=${`rail ${Pt.value?"is-open":""}`}>
    <a class="brand" href="#/" onClick=${t}><img src="icon.svg" width="24" height="24" alt="" /> Spillway</a>
    <button
      type="button"
      class="button menu"
      aria-expanded=${Pt.value}
      aria-controls="menu"
      onClick=${()=>{Pt.value=!Pt.value}}
    >
      ${et.value} <span aria-hidden="true">▾</span><span class="sr">, menu</span>
    </button>
    <nav id="menu" aria-label="Screens">
      ${Zt.map(([n,o])=>s`<a key=${n} href=${`#/${n}`} aria-current=${n===e?"page":void 0} onClick=${t}>${o}</a>`)}
    </nav>
  </header>`}function Xr(){let e=ae.value;return s`<section class=${Se.value?"top is-stale":"top"} aria-label="Policy and connection">
    <div class="top-row">
      <h1>${e?.name??"Spillway"}</h1>
      ${e&&s`<${Us} of=${Le(e)} /><${Xs} policy=${e} />`}
      <${Ks} />
    </div>
    ${e&&s`<${qs} policies=${D.value?.policies??[]} current=${e.name} />`}
  </section>`}function Jr(){let e=q.value;return s`<footer>
    <span>Spillway ${D.value?.version??""}</span>
    ${e&&s`<span>${e.user??"nobody in particular"}, ${e.may_operate?"may read and order":"may read only"}</span>`}
    <span>times of this browser's zone, days of UTC</span>
    <a href="licences.txt">Licences</a>
  </footer>`}function Yr(){let e=Q(null),t=Q(!0),n=he.value;return K(()=>{t.current||(e.current?.focus({preventScroll:!0}),scrollTo(0,0)),t.current=!1},[n]),e}function so(e,t,n,o,r){return{id:e,title:t,series:[{column:`${e} edited`,name:"edited",color:"accent",fill:"soft",swatch:"line"},{column:`${e} current`,name:"in force",color:"ink-2",dash:[5,4],swatch:"dashed"}],isStepped:e==="workers",full:n,axis:o,topMin:r}}var Et=[so("backlog","Backlog",e=>f(e===null?null:Math.round(e)),Z,10),so("workers","Bought machines",f,Z,3),so("spent","Spent",y,e=>`$${Z(e)}`,.1)],lo=b(null);function Qr(e,t){return Object.fromEntries(Et.flatMap(({id:n})=>[[`${n} current`,e[n]],[`${n} edited`,t[n]]]))}function Zr({answer:{current:e,edited:t,from:n,to:o}}){let r=Q([]),a=Ct.value,[i,l]=[e.series,t.series];if(K(()=>{if(!i||!l)return;let{at:m}=i,h={colors:a,at:m,columns:Qr(i,l),from:m[0]??0,to:m.at(-1)??1,deadline:0,marks:[]},u=$=>m.reduce((v,k,_)=>Math.abs(k-$)<Math.abs(m[v]-$)?_:v,0),g=Et.map(($,v)=>ln($,v===Et.length-1,r.current[v],k=>{let _=k===null?null:u(k);lo.value=_;for(let M of g)M.point(_===null?null:m[_],_??0)}));for(let $ of g)$.draw(h);return()=>{lo.value=null;for(let $ of g)$.remove()}},[i,l,a]),!i||!l)return null;let c=Qr(i,l),p=lo.value,d=m=>m.reduce((h,u)=>u===null?h:Math.max(h??0,u),null);return s`<p class="readout">${p===null?`the most of each, ${G(i.at[0])} ${C(i.at[0])} on`:s`<strong>${G(i.at[p])} ${C(i.at[p])}</strong>`}</p>
    ${Et.map((m,h)=>s`<div class="plot" key=${m.id}>
        <div class="plot-head">
          <h3>${m.title}</h3>
          <span class="legend">
            ${m.series.map(({column:u,name:g,swatch:$})=>s`<span class="legend-item"><${oe} of=${$} /><span class="legend-name">${g}</span> <strong>${m.full(p===null?d(c[u]):c[u][p]??null)}</strong></span>`)}
          </span>
        </div>
        <div role="img" aria-label=${`${m.title} from ${n} to ${o}: ${m.series.map(({column:u,name:g})=>`${g} at most ${m.full(d(c[u]))}`).join(", ")}`}>
          <div
            class=${h===Et.length-1?"plot-root with-time":"plot-root"}
            ref=${u=>{r.current[h]=u}}
          ></div>
        </div>
      </div>`)}`}var Js=[1,6,24,72,168].map(e=>[e,e<48?`${e}h`:`${e/24}d`]),co=b(6),un=b(null),dn=b(!1),ve=b(null),ea=I(()=>ve.value instanceof se?ve.value.problem.problems??[]:[]);async function Ys(e,t){dn.value=!0,ve.value=null;try{ve.value=await $e(e,"what-if",{yaml:t,hours:co.peek()})}catch(n){Ne(n),ve.value=n instanceof Error?n:new Error(String(n))}finally{dn.value=!1}}var Qs=[{name:"Cost in all",by:e=>e.total_cost,show:e=>y(e.total_cost)},{name:"Burst",by:e=>e.burst_cost,show:e=>y(e.burst_cost)},{name:"Base",by:e=>e.base_cost,show:e=>y(e.base_cost)},{name:"Late jobs",by:e=>e.late_jobs,show:e=>`${f(e.late_jobs)}${e.late_share===null?"":` (${(e.late_share*100).toFixed(2)}%)`}`},{name:"Longest wait",by:e=>e.wait_max_seconds,show:e=>w(e.wait_max_seconds)},{name:"Usual wait",by:e=>e.wait_p50_seconds,show:e=>w(e.wait_p50_seconds)},{name:"Launches",by:e=>e.launches,show:e=>f(e.launches)}];function Zs({by:e},{current:t,edited:n}){let o=e(t),r=e(n);if(o===null||r===null)return s`<span class="unknown">unknown</span>`;if(o===r)return s`<span class="note">the same</span>`;let a=o>0?` ${ee(Math.abs(r-o)/o)}`:"";return s`<${N} kind=${r<o?"action":"trouble"}>${r<o?"▼":"▲"}${a||" more"}<span class="sr">${r<o?" less":" more"}</span><//>`}function el(e){return[{name:"Figure",isText:!0,show:({name:t})=>t},{name:"In force",show:({show:t})=>t(e.current)},{name:"Edited",show:({show:t})=>t(e.edited)},{name:"Change",show:t=>Zs(t,e)}]}var tl={"+":"added","-":"removed","@":"place"};function nl({of:e}){return s`<pre class="diff" tabindex="0" aria-label="Changes of the policy">${e.split(`
`).map(t=>s`<span class=${`line-${tl[t[0]]??"same"}`}>${t}${`
`}</span>`)}</pre>`}var na=b("");function ta({text:e,name:t}){return s`<button type="button" class="button small" onClick=${async()=>{na.value=await navigator.clipboard.writeText(e).then(()=>`${t} copied`,()=>"this browser does not let it be copied")}}>Copy ${t}</button>`}function ol({current:e,edited:t}){let[n,o]=[e.total_cost,t.total_cost],r=n===null||o===null?"What it would have cost is unknown":o===n?"It would have cost the same":`It would have cost ${y(Math.abs(o-n))} ${o<n?"less":"more"}`,a=t.late_jobs===null?"how many jobs would have been late is unknown":t.late_jobs===0?"no job would have been late":`${f(t.late_jobs)} jobs would have been late, against ${f(e.late_jobs)}`;return`${r}, and ${a}.`}function rl({answer:e}){let{arrivals:t,gaps_seconds:n,differences:o,diff:r,kubectl:a,how:i,edited:l}=e,c=p=>`${G(x(p))} ${C(x(p))}`;return s`<${S} id="outcome" title="What would have been" class="whole" note=${`${c(e.from)} to ${c(e.to)}, ${f(t)} images`}>
      <p class="sentence" role="status">${ol(e)}</p>
      ${l.budget_exceeded&&s`<p><${N} kind="bad">The edited policy would have been over its budget<//></p>`}
      ${n>0&&s`<p><${N} kind="trouble">${w(n)} were not recorded and count as without arrivals<//></p>`}
      <${W} id="what-if-table" label="Both policies" columns=${el(e)} groups=${[{key:"all",rows:Qs}]} keyOf=${p=>p.name} />
      <${Zr} answer=${e} />
      <p class="note">${i}</p>
    <//>
    <${S} id="diff" title="The change" class="half" tools=${s`<span class="buttons"><${ta} text=${r} name="diff" /><${ta} text=${a} name="command" /></span>`}>
      ${r?s`<${nl} of=${r} />`:s`<p class="empty">Nothing was changed: both are the policy in force.</p>`}
      <p class="note" role="status">${na.value}</p>
    <//>
    <${S} id="differences" title="Decided otherwise" class="half" note=${o?`${f(o.different)} of ${f(o.plans)} plans`:void 0}>
      ${o?o.first.length===0?s`<p class="empty">Every recorded moment would have been decided in the same way.</p>`:s`<ol class="actions">${o.first.map(p=>s`<li><time datetime=${p.at}>${c(p.at)}</time><span class="line-removed">${p.recorded}</span><span class="line-added">${p.edited}</span></li>`)}</ol>`:s`<p class="empty">The journal does not reach these hours: only the simulator speaks.</p>`}
    <//>`}function al({of:e}){return s`<ol class="problems">
    ${e.map(({path:t,line:n,column:o,message:r,help:a})=>s`<li><strong>${n===null?t:`line ${n}${o===null?"":`, column ${o}`}`}</strong> ${n===null?"":s`<code>${t}</code>`} ${r}${a?s` <span class="note">${a}</span>`:null}</li>`)}
  </ol>`}function il({policy:e,manifest:t}){let n=un.value??t.yaml,o=ve.value instanceof Error?ve.value:null,r=()=>{un.value=null,ve.value=null};return s`<form
    onSubmit=${a=>{a.preventDefault(),Ys(e,n)}}
  >
    <textarea
      class="editor"
      aria-label="Policy as YAML"
      aria-invalid=${ea.value.length>0?"true":void 0}
      aria-describedby="what-if-failure"
      spellcheck=${!1}
      rows="18"
      value=${n}
      onInput=${a=>{un.value=a.currentTarget.value}}
    ></textarea>
    <div id="what-if-failure" role="alert">${o&&s`<p class="failure">${ye(o)}</p><${al} of=${ea.value} />`}</div>
    <div class="buttons">
      <button type="button" class="button" disabled=${un.value===null} onClick=${r}>Back to the policy in force</button>
      <button class="button button-main" disabled=${dn.value}>${dn.value?"Playing …":"Play"}</button>
    </div>
  </form>`}function oa({policy:e}){let t=te(`policies/${encodeURIComponent(e.name)}/manifest`,60),n=ve.value;return s`<${S}
      id="what-if"
      title="What if"
      class="whole"
      note="edit the policy, play it over what was recorded; nothing is changed"
      tools=${s`<${Ce}
        label="Hours to play"
        of=${Js}
        value=${co.value}
        choose=${o=>{co.value=o}}
      />`}
    >
      <${re} of=${t}>${o=>s`<${il} policy=${e.name} manifest=${o} />`}<//>
    <//>
    ${n&&!(n instanceof Error)&&s`<${rl} answer=${n} />`}`}var sl={"":zr,timeline:jr,decisions:yr,fleet:xr,partitions:Ur,market:Tr,cost:br,"what-if":oa,control:gr,health:Nr};function ll(){let e=D.value?"The controller has no policy yet. Give it one with spillway run --policy FILE, or as a ScalingPolicy in its namespace.":F.value==="lost"?"The controller does not answer; trying again.":"Waiting for the controller …";return s`<p class="empty empty-page">${e}</p>`}function cl(){let e=ae.value;if(q.value&&!q.value.may_read)return s`<${an} />`;if(!e)return s`<${ll} />`;let t=he.value;return t===null?s`<p class="empty empty-page">There is no such screen. <a href="#/">To the overview</a></p>`:s`<${sl[t]} key=${e.name} policy=${e} />`}function ra(){let e=Yr();return s`<a
      class="skip"
      href="#main"
      onClick=${t=>{t.preventDefault(),e.current?.focus()}}
      >To the content</a
    >
    <${qr} />
    <div class="page">
      <${Xr} />
      <main id="main" tabindex="-1" ref=${e} aria-label=${et.value} class=${`screen-${he.value||"overview"} ${Se.value?"is-stale":""}`}>
        <${cl} />
      </main>
      <${Jr} />
    </div>
    <${Gr} />
    <${ur} />
    <${Kr} />`}var aa=document.getElementById("app");aa&&$n(s`<${ra} />`,aa);U(()=>{let e=ae.value,t=Se.value?"No news":e&&Ge[Le(e)];document.title=e?`${t} · ${e.name} · ${et.value} · Spillway`:"Spillway"});ir();})();
